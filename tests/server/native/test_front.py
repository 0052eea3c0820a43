"""The native front: what it counts, passes on, refuses, and survives."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import ErrorInfo, RetryInfo
from grpc_status import rpc_status
from recstream_server.native_front import uses_native_front
from recstream_server.settings import Settings
from seeded_requests import ODDITIES

from recstream.errors import ConfigurationError
from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb

Fixture = Callable[..., Any]
Request = rec_pb.StreamingRecommendRequest

QUERY = rec_pb.RecommendItemsRequest(user_id="user-1")
# With a field that nobody knows, the same query is Python's.
PYTHONS = rec_pb.RecommendItemsRequest.FromString(QUERY.SerializeToString() + ODDITIES[0])
RPC = 'rpc="recstream.v1.RecommendationService/'


def click(number: int) -> types.UserEvent:
    return types.UserEvent(user_id="u", item_id=f"item-{number}", event_type="click")


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that must come; pytest's timeout is the limit."""
    while not condition():
        time.sleep(0.01)


def test_a_call_is_counted_once_wherever_it_is_answered(native: Any) -> None:
    for _ in range(3):
        native.recommendation.RecommendItems(QUERY)
    native.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(include_attributes=True))
    with pytest.raises(grpc.RpcError):
        native.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(page_size=-1))
    metrics = native.metrics()
    assert metrics[f'recstream_calls_total{{code="OK",{RPC}RecommendItems"}}'] == 4
    assert metrics[f'recstream_calls_total{{code="INVALID_ARGUMENT",{RPC}RecommendItems"}}'] == 1
    assert metrics[f'recstream_call_seconds_count{{{RPC}RecommendItems"}}'] == 5
    assert metrics[f'recstream_call_seconds_bucket{{le="+Inf",{RPC}RecommendItems"}}'] == 5
    assert metrics[f'recstream_forwarded_total{{reason="irregular",{RPC}RecommendItems"}}'] == 1
    assert sum(value for name, value in metrics.items() if name.startswith("recstream_forwarded_total")) == 1
    assert metrics["recstream_calls_in_flight"] == metrics["recstream_streams_open"] == 0


def test_a_stream_that_python_took_part_in_is_counted_once(native: Any) -> None:
    plain = [Request(sequence=number, recommend=QUERY) for number in range(5)]
    assert len(list(native.recommendation.StreamingRecommend(iter(plain)))) == 5
    mixed = [*plain, Request(sequence=5, event=click(1)), Request(sequence=6, recommend=QUERY)]
    assert [one.sequence for one in native.recommendation.StreamingRecommend(iter(mixed))] == list(range(7))
    until(lambda: native.metrics()["recstream_streams_open"] == 0)
    metrics = native.metrics()
    assert metrics[f'recstream_calls_total{{code="OK",{RPC}StreamingRecommend"}}'] == 2
    assert metrics[f'recstream_stream_messages_total{{code="OK",{RPC}StreamingRecommend"}}'] == 12


def test_an_unknown_rpc_is_unimplemented_as_in_python(native: Any, start_server: Fixture, tmp_path: Path) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        native.channel.unary_unary("/recstream.v1.Nobody/Knows")(b"", timeout=20)
    assert caught.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_cancelled_watch_is_let_go_in_python_as_well(native: Any) -> None:
    request = rec_pb.WatchRecommendationsRequest(recommend=PYTHONS)
    watches = [native.recommendation.WatchRecommendations(request) for _ in range(10)]
    for watch in watches:
        next(watch)
    assert native.metrics()["recstream_streams_open"] == 10
    for watch in watches:
        watch.cancel()
    ended = f'recstream_calls_total{{code="CANCELLED",{RPC}WatchRecommendations"}}'
    until(lambda: native.metrics().get(ended) == 10)
    assert native.metrics()["recstream_streams_open"] == 0


def test_a_deadline_reaches_python(native: Any) -> None:
    watch = native.recommendation.WatchRecommendations(
        rec_pb.WatchRecommendationsRequest(recommend=PYTHONS), timeout=0.5
    )
    with pytest.raises(grpc.RpcError) as caught:
        list(watch)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    until(lambda: native.metrics()["recstream_streams_open"] == 0)


def test_streams_over_the_limit_are_told_when_to_come_again(start_native: Fixture, tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text("[limits]\nstreams = 2\n")
    server = start_native("--config", str(config))
    watches = [
        server.recommendation.WatchRecommendations(rec_pb.WatchRecommendationsRequest(recommend=QUERY))
        for _ in range(2)
    ]
    for watch in watches:
        next(watch)
    with pytest.raises(grpc.RpcError) as caught:
        list(server.recommendation.StreamingRecommend(iter([Request(recommend=QUERY)])))
    status = rpc_status.from_call(caught.value)
    info, retry = ErrorInfo(), RetryInfo()
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert [detail.Unpack(kind) for detail, kind in zip(status.details, (info, retry), strict=True)] == [True, True]
    assert (info.reason, retry.retry_delay.seconds) == ("OVERLOADED", 1)
    refused = f'recstream_calls_total{{code="RESOURCE_EXHAUSTED",{RPC}StreamingRecommend"}}'
    assert server.metrics()[refused] == 1


def test_a_storm_of_cancelled_calls_leaves_nothing_behind(native: Any) -> None:
    """Unary calls, streams that stop anywhere, with and without Python's part; some with a short deadline."""
    random = Random(17)

    def messages() -> Iterator[Request]:
        for number in range(50):
            yield Request(sequence=number, event=click(number)) if number % 7 == 3 else Request(recommend=QUERY)

    def storm(seed: int) -> None:
        own = Random(seed)
        for _ in range(60):
            timeout = own.choice([None, None, None, own.random() * 0.02])
            match own.randrange(3):
                case 0:
                    call = native.recommendation.RecommendItems.future(QUERY, timeout=timeout)
                case 1:
                    call = native.recommendation.StreamingRecommend(messages(), timeout=timeout)
                case _:
                    event = event_pb.WriteUserEventRequest(event=click(own.randrange(100)))
                    call = native.user_event.WriteUserEvent.future(event, timeout=timeout)
            time.sleep(own.random() * 0.005)
            call.cancel()

    threads = [threading.Thread(target=storm, args=(random.randrange(1000),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    until(lambda: native.metrics()["recstream_streams_open"] == native.metrics()["recstream_calls_in_flight"] == 0)
    assert len(native.recommendation.RecommendItems(QUERY).recommendations) == 10
    assert native.stop()[0] == 0


@pytest.mark.parametrize("with_event", [False, True], ids=["of C++ alone", "with Python's part"])
def test_an_idle_stream_is_ended_by_the_drain(native: Any, with_event: bool) -> None:
    released = threading.Event()

    def messages() -> Iterator[Request]:
        yield Request(recommend=QUERY)
        if with_event:
            yield Request(event=click(1))
        released.wait(30)

    answers = native.recommendation.StreamingRecommend(messages())
    for _ in range(2 if with_event else 1):
        next(answers)
    code, _, log = native.stop()
    with pytest.raises(grpc.RpcError) as caught:
        next(answers)
    released.set()
    info = ErrorInfo()
    assert code == 0, log
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    assert rpc_status.from_call(caught.value).details[0].Unpack(info)
    assert info.reason == "SERVER_DRAINING"


def test_large_models_are_scanned_beside_the_connections(start_native: Fixture, tmp_path: Path) -> None:
    """The same answers when queries go to threads of their own."""
    config = tmp_path / "server.toml"
    config.write_text("[engine]\ninline_multiply_adds = 0\n")
    server = start_native("--config", str(config))
    calls = [server.recommendation.RecommendItems.future(QUERY) for _ in range(200)]
    stream = server.recommendation.StreamingRecommend(Request(recommend=QUERY) for _ in range(200))
    answers = {call.result().SerializeToString() for call in calls}
    assert len(answers) == 1
    assert {answer.recommendation.SerializeToString() for answer in stream} == answers
    assert not [name for name in server.metrics() if name.startswith("recstream_forwarded_total")]


def settings(**fields: Any) -> Settings:
    return Settings(bundle=Path("b"), state=Path("s"), **fields)


def test_auto_is_native_unless_every_call_is_to_be_logged() -> None:
    assert uses_native_front(settings(listen={"transport": "auto"}))
    assert not uses_native_front(settings(listen={"transport": "auto"}, log={"level": "debug"}))
    assert uses_native_front(settings(listen={"transport": "native"}, log={"level": "debug"}))
    assert not uses_native_front(settings(listen={"transport": "python"}))


def test_what_was_not_built_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "recstream._transport", None)
    assert not uses_native_front(settings(listen={"transport": "auto"}))
    with pytest.raises(ConfigurationError, match=r"listen\.transport: is native, which cannot be loaded"):
        uses_native_front(settings(listen={"transport": "native"}))
