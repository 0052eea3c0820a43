"""Streams of the asynchronous client: answers find their messages, whatever happens to the stream."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

import pytest

from recstream import errors
from recstream.client import AsyncClient, AsyncRecommendStream, async_streams
from recstream.v1.user_event_service_pb2 import StreamingWriteUserEventsResponse, WriteUserEventResponse

Serve = Callable[..., str]
# grpc.aio may lose the server's reason when the stream ends during a write.
WHY = "shutting down|ended the stream; open another one"
Handlers = Mapping[str, Callable[..., Iterator[Any]]]


def run(target: str, scenario: Callable[[AsyncRecommendStream], Awaitable[None]], **options: Any) -> None:
    """Run a scenario on a stream in an event loop of its own; it leaves no task behind."""

    async def main() -> None:
        async with AsyncClient(target, **options) as client, client.stream() as stream:
            await scenario(stream)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


def test_an_answer_follows_the_events_before_it(serve: Serve, stream_handlers: Handlers) -> None:
    async def scenario(stream: AsyncRecommendStream) -> None:
        for number in range(1, 21):
            assert (await stream.send_event(user_id="u", item_id="i", event_type="click")).state_version == number
            assert (await stream.recommend("u", page_size=3)).state_version == number

    run(serve(StreamingRecommend=stream_handlers["counting"]), scenario)


def test_gathered_messages_are_sent_in_order(serve: Serve, stream_handlers: Handlers) -> None:
    async def scenario(stream: AsyncRecommendStream) -> None:
        events = [stream.send_event(item_id="i", event_type="click", event_id=f"e{n}") for n in range(100)]
        *acks, answer = await asyncio.gather(*events, stream.recommend("u"))
        assert [(ack.event_id, ack.state_version) for ack in acks] == [(f"e{n}", n + 1) for n in range(100)]
        assert answer.state_version == 100

    run(serve(StreamingRecommend=stream_handlers["counting"]), scenario)


def test_answers_out_of_order_find_their_messages(serve: Serve, stream_handlers: Handlers) -> None:
    async def scenario(stream: AsyncRecommendStream) -> None:
        events = [stream.send_event(item_id="i", event_type="click", event_id=f"e{n}") for n in range(20)]
        acks = asyncio.gather(*events)
        await asyncio.sleep(0.1)
        await stream.close()  # the server answers after the half-close, which closing waits for
        assert [ack.event_id for ack in await acks] == [f"e{n}" for n in range(20)]

    run(serve(StreamingRecommend=stream_handlers["backwards"]), scenario)


def test_an_error_is_that_of_its_message_only(serve: Serve, stream_handlers: Handlers) -> None:
    async def scenario(stream: AsyncRecommendStream) -> None:
        with pytest.raises(errors.InvalidArgumentError, match="no such type"):
            await stream.send_event(user_id="u", item_id="bad", event_type="click")
        assert (await stream.send_event(user_id="u", item_id="good", event_type="click")).state_version == 2

    run(serve(StreamingRecommend=stream_handlers["counting"]), scenario)


def test_a_broken_stream_fails_everything_under_way(serve: Serve, stream_handlers: Handlers) -> None:
    async def scenario(stream: AsyncRecommendStream) -> None:
        failures = await asyncio.gather(*(stream.recommend("u") for _ in range(3)), return_exceptions=True)
        assert [type(failure) for failure in failures] == [errors.UnavailableError] * 3
        with pytest.raises(errors.UnavailableError, match=WHY):
            await stream.recommend("u")

    run(serve(StreamingRecommend=stream_handlers["breaking"]), scenario)


def test_a_stream_that_the_server_ends_fails_what_it_did_not_answer(serve: Serve, stream_handlers: Handlers) -> None:
    async def scenario(stream: AsyncRecommendStream) -> None:
        with pytest.raises(errors.UnavailableError, match="ended the stream; open another one"):
            await stream.recommend("u")

    run(serve(StreamingRecommend=stream_handlers["ending"]), scenario)


def test_waiting_has_an_end(serve: Serve, stream_handlers: Handlers) -> None:
    async def scenario(stream: AsyncRecommendStream) -> None:
        with pytest.raises(errors.DeadlineError, match=r"within 0.1 s"):
            await stream.recommend("u", timeout_s=0.1)

    run(serve(StreamingRecommend=stream_handlers["silent"]), scenario, timeout_s=0.3)


def test_a_cancelled_message_does_not_harm_the_stream(serve: Serve, stream_handlers: Handlers) -> None:
    async def scenario(stream: AsyncRecommendStream) -> None:
        task = asyncio.create_task(stream.send_event(item_id="i", event_type="click"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert (await stream.recommend("u")).state_version == 1

    run(serve(StreamingRecommend=stream_handlers["counting"]), scenario)


def test_closing_ends_what_the_server_does_not_answer(serve: Serve, stream_handlers: Handlers) -> None:
    async def scenario(stream: AsyncRecommendStream) -> None:
        waiting = asyncio.create_task(stream.recommend("u", timeout_s=60))
        await asyncio.sleep(0.05)
        await stream.close()
        with pytest.raises(errors.UnavailableError, match="closed before the answer came"):
            await waiting
        with pytest.raises(errors.UnavailableError, match="the stream is closed; open another one"):
            await stream.recommend("u")

    run(serve(StreamingRecommend=stream_handlers["silent"]), scenario, timeout_s=0.1)


def test_an_exception_in_the_block_does_not_wait_for_answers(serve: Serve, stream_handlers: Handlers) -> None:
    async def scenario(stream: AsyncRecommendStream) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(serve(StreamingRecommend=stream_handlers["silent"]), scenario, timeout_s=3600)


def test_a_slow_server_holds_the_sender_back(
    serve: Serve, stream_handlers: Handlers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(async_streams, "MAX_PENDING", 3)

    async def scenario(stream: AsyncRecommendStream) -> None:
        tasks = [asyncio.create_task(stream.send_event(item_id="i", event_type="click")) for _ in range(10)]
        acks = await asyncio.gather(*tasks)
        assert [ack.state_version for ack in acks] == list(range(1, 11))

    run(serve(StreamingRecommend=stream_handlers["counting"]), scenario)


def test_events_alone_have_a_stream(serve: Serve) -> None:
    def acknowledge(requests: Any, context: Any) -> Iterator[Any]:
        for version, message in enumerate(requests, start=1):
            ack = WriteUserEventResponse(event_id=message.event.event_id, state_version=version)
            yield StreamingWriteUserEventsResponse(sequence=message.sequence, event_ack=ack)

    async def main(target: str) -> None:
        async with AsyncClient(target) as client, client.stream_events() as stream:
            events = [stream.send_event(session_id="s", item_id="i", event_type="view") for _ in range(5)]
            assert [ack.state_version for ack in await asyncio.gather(*events)] == [1, 2, 3, 4, 5]

    asyncio.run(main(serve(StreamingWriteUserEvents=acknowledge)))
