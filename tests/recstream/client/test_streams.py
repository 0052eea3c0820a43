"""Streams of the synchronous client: answers find their messages, whatever happens to the stream."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from recstream import errors
from recstream.client import Client, streams
from recstream.v1.user_event_service_pb2 import StreamingWriteUserEventsResponse, WriteUserEventResponse

Serve = Callable[..., str]
Handlers = Mapping[str, Callable[..., Iterator[Any]]]


def test_an_answer_follows_the_events_before_it(serve: Serve, stream_handlers: Handlers) -> None:
    with Client(serve(StreamingRecommend=stream_handlers["counting"])) as client, client.stream() as stream:
        pending = []
        for number in range(1, 51):
            pending.append((number, stream.send_event(user_id="u", item_id="i", event_type="click")))
            pending.append((number, stream.recommend("u", page_size=3)))
        assert all(answer.result().state_version == number for number, answer in pending)
        assert all(answer.done() for _, answer in pending)


def test_answers_out_of_order_find_their_messages(serve: Serve, stream_handlers: Handlers) -> None:
    with Client(serve(StreamingRecommend=stream_handlers["backwards"])) as client:
        with client.stream() as stream:
            acks = [
                stream.send_event(user_id="u", item_id="i", event_type="click", event_id=f"e{n}") for n in range(20)
            ]
            query = stream.recommend("u")
        # The server answers after the half-close, which leaving the stream waits for.
        assert [ack.result().event_id for ack in acks] == [f"e{n}" for n in range(20)]
        assert query.result().state_version == 20


def test_an_error_is_that_of_its_message_only(serve: Serve, stream_handlers: Handlers) -> None:
    with Client(serve(StreamingRecommend=stream_handlers["counting"])) as client, client.stream() as stream:
        bad = stream.send_event(user_id="u", item_id="bad", event_type="click")
        good = stream.send_event(user_id="u", item_id="good", event_type="click")
        with pytest.raises(errors.InvalidArgumentError, match="no such type"):
            bad.result()
        assert good.result().state_version == 2


def test_a_broken_stream_fails_everything_under_way(serve: Serve, stream_handlers: Handlers) -> None:
    with Client(serve(StreamingRecommend=stream_handlers["breaking"])) as client, client.stream() as stream:
        pending = [stream.recommend("u") for _ in range(3)]
        for answer in pending:
            with pytest.raises(errors.UnavailableError, match="shutting down"):
                answer.result()
        with pytest.raises(errors.UnavailableError, match="shutting down"):
            stream.recommend("u")


def test_a_stream_that_the_server_ends_fails_what_it_did_not_answer(serve: Serve, stream_handlers: Handlers) -> None:
    with Client(serve(StreamingRecommend=stream_handlers["ending"])) as client, client.stream() as stream:
        answer = stream.recommend("u")
        with pytest.raises(errors.UnavailableError, match="ended the stream; open another one"):
            answer.result()


def test_waiting_has_an_end_and_may_be_taken_up_again(serve: Serve, stream_handlers: Handlers) -> None:
    with Client(serve(StreamingRecommend=stream_handlers["silent"]), timeout_s=0.2) as client:
        with client.stream() as stream:
            answer = stream.recommend("u")
            with pytest.raises(errors.DeadlineError, match="wait longer or check it"):
                answer.result()
            with pytest.raises(errors.DeadlineError, match=r"within 0.05 s"):
                answer.result(0.05)
        with pytest.raises(errors.RecstreamError):
            answer.result()
        assert answer.done()


def test_nothing_is_sent_on_a_closed_stream(serve: Serve, stream_handlers: Handlers) -> None:
    with Client(serve(StreamingRecommend=stream_handlers["counting"])) as client:
        with client.stream() as stream:
            pass
        with pytest.raises(errors.UnavailableError, match="the stream is closed; open another one"):
            stream.recommend("u")


def test_an_exception_in_the_block_does_not_wait_for_answers(serve: Serve, stream_handlers: Handlers) -> None:
    target = serve(StreamingRecommend=stream_handlers["silent"])
    with pytest.raises(ZeroDivisionError), Client(target, timeout_s=3600) as client, client.stream() as stream:  # noqa: PT012
        stream.recommend("u")
        raise ZeroDivisionError


def test_a_slow_server_holds_the_sender_back(
    serve: Serve, stream_handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_PENDING", 3)
    go = threading.Event()

    def gated(requests: Any, context: Any) -> Iterator[Any]:
        go.wait(30)
        yield from stream_handlers["counting"](requests, context)

    with Client(serve(StreamingRecommend=gated)) as client, client.stream() as stream:
        sent: list[Any] = []
        sender = threading.Thread(
            target=lambda: sent.extend(stream.send_event(item_id="i", event_type="click") for _ in range(10))
        )
        sender.start()
        time.sleep(0.2)
        assert sender.is_alive()
        go.set()
        sender.join(30)
        assert [ack.result().state_version for ack in sent] == list(range(1, 11))


def test_many_threads_share_a_stream(serve: Serve, stream_handlers: Handlers) -> None:
    with Client(serve(StreamingRecommend=stream_handlers["counting"])) as client, client.stream() as stream:

        def write(thread: int) -> list[str]:
            ids = [f"{thread}-{n}" for n in range(50)]
            pending = [stream.send_event(item_id="i", event_type="click", event_id=event_id) for event_id in ids]
            assert [ack.result().event_id for ack in pending] == ids
            return ids

        with ThreadPoolExecutor(8) as pool:
            assert sum(len(ids) for ids in pool.map(write, range(8))) == 400


def test_events_alone_have_a_stream(serve: Serve) -> None:
    def acknowledge(requests: Any, context: Any) -> Iterator[Any]:
        for version, message in enumerate(requests, start=1):
            ack = WriteUserEventResponse(event_id=message.event.event_id, state_version=version)
            yield StreamingWriteUserEventsResponse(sequence=message.sequence, event_ack=ack)

    with Client(serve(StreamingWriteUserEvents=acknowledge)) as client, client.stream_events() as stream:
        acks = [stream.send_event(session_id="s", item_id="i", event_type="view") for _ in range(5)]
        assert [ack.result().state_version for ack in acks] == [1, 2, 3, 4, 5]


def test_an_answer_of_a_later_version_is_an_error(serve: Serve) -> None:
    def empty(requests: Any, context: Any) -> Iterator[Any]:
        for message in requests:
            yield StreamingWriteUserEventsResponse(sequence=message.sequence)

    with Client(serve(StreamingWriteUserEvents=empty)) as client, client.stream_events() as stream:
        ack = stream.send_event(session_id="s", item_id="i", event_type="view")
        with pytest.raises(errors.RecstreamError, match="upgrade recstream"):
            ack.result()


def test_streams_leave_no_thread_behind(serve: Serve, stream_handlers: Handlers) -> None:
    with Client(serve(StreamingRecommend=stream_handlers["counting"])) as client:
        for _ in range(5):
            with client.stream() as stream:
                stream.recommend("u").result()
    assert "recstream-stream" not in {thread.name for thread in threading.enumerate()}
