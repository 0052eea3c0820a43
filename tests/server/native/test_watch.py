"""WatchRecommendations on the native front: who serves it, what wakes it, how it ends."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from grpc_status import rpc_status
from seeded_requests import ODDITIES

from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb
from recstream.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

Fixture = Callable[..., Any]

WATCH = "/recstream.v1.RecommendationService/WatchRecommendations"
RPC = 'rpc="recstream.v1.RecommendationService/WatchRecommendations"'
INITIAL, EVENT = rec_pb.WatchRecommendationsResponse.CAUSE_INITIAL, rec_pb.WatchRecommendationsResponse.CAUSE_EVENT

UNKNOWN = ODDITIES[0]
"""A field that no message has: protobuf ignores it, and the native front leaves such messages to Python."""


@pytest.fixture(scope="module")
def shared(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory, server_process: Fixture) -> Any:
    """A server for the tests that need none of their own."""
    arguments = ("--bundle", str(bundle_path), "--state", str(tmp_path_factory.mktemp("state")))
    return server_process(*arguments, "--transport", "native", "--metrics", "127.0.0.1:0")


def request(interval_s: float = 0.0, **query: Any) -> rec_pb.WatchRecommendationsRequest:
    interval = Duration()
    interval.FromNanoseconds(round(interval_s * 1e9))
    return rec_pb.WatchRecommendationsRequest(recommend=rec_pb.RecommendItemsRequest(**query), min_interval=interval)


def for_python(asked: rec_pb.WatchRecommendationsRequest) -> rec_pb.WatchRecommendationsRequest:
    return rec_pb.WatchRecommendationsRequest.FromString(asked.SerializeToString() + UNKNOWN)


def write(server: Any, number: int, **whose: str) -> int:
    event = types.UserEvent(item_id=f"item-{number}", event_type="click", **whose)
    return server.user_event.WriteUserEvent(event_pb.WriteUserEventRequest(event=event)).state_version


def ordered(data: bytes) -> bytes:
    """Attributes are a map, which protobuf writes in another order each time."""
    return rec_pb.WatchRecommendationsResponse.FromString(data).SerializeToString(deterministic=True)


def passed_on(server: Any) -> float:
    return sum(value for name, value in server.metrics().items() if name.startswith("recstream_forwarded_total"))


def until(condition: Callable[[], bool]) -> None:
    """Wait for something that must come; pytest's timeout is the limit."""
    while not condition():
        time.sleep(0.01)


def test_python_has_no_part_in_a_common_watch(native: Any) -> None:
    lists = native.recommendation.WatchRecommendations(request(user_id="user-1"))
    assert next(lists).cause == INITIAL
    for number in range(4):
        assert write(native, number, user_id="user-1") == next(lists).recommendation.state_version
    lists.cancel()
    until(lambda: native.metrics()["recstream_streams_open"] == 0)
    metrics = native.metrics()
    assert passed_on(native) == 0
    assert metrics[f'recstream_stream_messages_total{{code="OK",{RPC}}}'] == 5
    assert metrics[f'recstream_calls_total{{code="CANCELLED",{RPC}}}'] == 1


@pytest.mark.parametrize(
    "asked",
    [
        request(user_id="user-3"),
        request(user_id="user-3", session_id="s", page_size=1000),
        request(user_id="user-3", session_id="s", include_attributes=True),
        request(session_id="s", recent_events=[types.UserEvent(item_id="item-7", event_type="click")]),
        request(session_id="s", exclude_item_ids=["item-1"]),
        request(user_id="user-3", seen_policy=types.SEEN_POLICY_INCLUDE_SEEN, min_state_version=1),
        request(user_id="user-3", candidate_item_ids=["item-5", "item-6", "nothing"]),
        rec_pb.WatchRecommendationsRequest(),
    ],
    ids=lambda asked: ",".join(field.name for field, _ in asked.recommend.ListFields()) or "nothing",
)
def test_lists_are_equal_to_those_of_python_byte_for_byte(
    shared: Any, asked: rec_pb.WatchRecommendationsRequest
) -> None:
    write(shared, 0, user_id="user-3", session_id="s")
    before = passed_on(shared)
    watch, data = shared.channel.unary_stream(WATCH), asked.SerializeToString()
    own, other = watch(data, timeout=30), watch(data + UNKNOWN, timeout=30)
    assert ordered(next(own)) == ordered(next(other))
    if asked.HasField("recommend"):
        for number in range(1, 4):
            write(shared, number, user_id="user-3", session_id="s")
            assert ordered(next(own)) == ordered(next(other))
    assert passed_on(shared) == before + 1
    own.cancel()
    other.cancel()


@pytest.mark.parametrize(
    "asked",
    [
        request(page_size=-1, user_id="x" * 129),
        request(min_state_version=2**60),
        request(3601),
        rec_pb.WatchRecommendationsRequest(min_interval=Duration(seconds=-1, nanos=-5)),
        rec_pb.WatchRecommendationsRequest(min_interval=Duration(seconds=3600, nanos=1)),
        rec_pb.WatchRecommendationsRequest(min_interval=Duration(nanos=10**9)),
    ],
    ids=["query", "version", "interval", "negative", "an hour and more", "nanoseconds"],
)
def test_errors_are_those_of_python(shared: Any, asked: rec_pb.WatchRecommendationsRequest) -> None:
    statuses = []
    for data in (asked.SerializeToString(), asked.SerializeToString() + UNKNOWN):
        with pytest.raises(grpc.RpcError) as caught:
            list(shared.channel.unary_stream(WATCH)(data, timeout=20))
        statuses.append(rpc_status.from_call(caught.value))
    assert statuses[0] == statuses[1]
    assert statuses[0].details


def test_what_python_serves_is_woken_as_well(native: Any) -> None:
    lists = native.recommendation.WatchRecommendations(for_python(request(user_id="user-1")))
    next(lists)
    version = write(native, 1, user_id="user-1")
    assert next(lists).recommendation.state_version == version
    lists.cancel()
    until(lambda: native.metrics()["recstream_streams_open"] == 0)
    metrics = native.metrics()
    assert metrics[f'recstream_forwarded_total{{reason="irregular",{RPC}}}'] == 1
    assert metrics[f'recstream_calls_total{{code="CANCELLED",{RPC}}}'] == 1


def test_events_of_the_user_and_of_the_session_wake_and_no_others(shared: Any) -> None:
    both = shared.recommendation.WatchRecommendations(request(user_id="user-1", session_id="s"))
    session = shared.recommendation.WatchRecommendations(request(session_id="s"))
    user = shared.recommendation.WatchRecommendations(request(user_id="user-1"))
    versions: dict[Any, list[int]] = {both: [], session: [], user: []}
    for lists in versions:
        next(lists)
    write(shared, 1, user_id="user-2", session_id="t")
    of_session = write(shared, 2, session_id="s")
    of_user = write(shared, 3, user_id="user-1")
    of_both = write(shared, 4, user_id="user-1", session_id="s")
    expected = {both: {of_session, of_user, of_both}, session: {of_session, of_both}, user: {of_user, of_both}}
    for lists, seen in versions.items():
        while not seen or seen[-1] < of_both:
            seen.append(next(lists).recommendation.state_version)
        assert seen == sorted(set(seen))
        assert set(seen) <= expected[lists]


def test_events_of_a_batch_and_of_python_wake(shared: Any) -> None:
    """All those of a batch that is committed at once; and one whose attributes make it Python's."""
    lists = [shared.recommendation.WatchRecommendations(request(user_id=f"user-{number}")) for number in range(10)]
    for one in lists:
        next(one)
    events = [types.UserEvent(user_id=f"user-{n}", item_id="item-9", event_type="click") for n in range(10)]
    events[3].attributes["position"].number_value = 1
    batch = event_pb.BatchWriteUserEventsRequest(requests=[{"event": event} for event in events])
    results = shared.user_event.BatchWriteUserEvents(batch).results
    pushed = [next(one).recommendation.state_version for one in lists]
    assert pushed == [result.event_ack.state_version for result in results]


def test_nothing_comes_before_the_interval_is_over(native: Any) -> None:
    held_back = native.recommendation.WatchRecommendations(request(3600, user_id="user-1"), timeout=3)
    at_once = native.recommendation.WatchRecommendations(request(user_id="user-1"))
    assert [next(lists).cause for lists in (held_back, at_once)] == [INITIAL, INITIAL]
    write(native, 1, user_id="user-1")
    assert next(at_once).cause == EVENT
    with pytest.raises(grpc.RpcError) as caught:
        next(held_back)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    until(lambda: native.metrics()["recstream_streams_open"] == 1)
    write(native, 2, user_id="user-1")
    assert next(at_once).cause == EVENT


def test_a_slow_reader_gets_the_latest_list_and_no_queue_of_old_ones(shared: Any) -> None:
    """A window of 8 KiB holds two lists of 200 items; what is made while it is full is skipped."""
    options = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 8192), ("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(shared.target, options=options) as channel:
        lists = RecommendationServiceStub(channel).WatchRecommendations(
            request(user_id="user-1", page_size=1000, seen_policy=types.SEEN_POLICY_INCLUDE_SEEN), timeout=60
        )
        next(lists)
        last = [write(shared, number % 200, user_id="user-1") for number in range(300)][-1]
        versions = [next(lists).recommendation.state_version]
        while versions[-1] < last:
            versions.append(next(lists).recommendation.state_version)
    assert versions == sorted(set(versions))
    assert len(versions) < 40


def test_every_event_is_in_some_list_whenever_it_comes(shared: Any) -> None:
    """Events race with lists that are being made, sent and waited for; the last one must not be overlooked."""
    for number in range(150):
        lists = shared.recommendation.WatchRecommendations(request(0.001 * (number % 3), user_id=f"u-{number}"))
        if number % 2:
            next(lists)
        last = [write(shared, event, user_id=f"u-{number}") for event in range(3)][-1]
        while next(lists).recommendation.state_version < last:
            pass
        lists.cancel()


def drained(lists: Any) -> tuple[Any, str]:
    """Code and reason with which a watch ends, whatever lists came before."""
    with pytest.raises(grpc.RpcError) as caught:
        list(lists)
    status = rpc_status.from_call(caught.value)
    return caught.value.code(), status.details[0].value.decode(errors="replace") if status else ""


def test_a_drain_ends_watches_that_wait_and_those_in_their_interval(native: Any) -> None:
    waiting = [native.recommendation.WatchRecommendations(request(user_id=f"user-{n}")) for n in range(5)]
    pausing = [native.recommendation.WatchRecommendations(request(3600, user_id="user-1")) for _ in range(5)]
    of_python = native.recommendation.WatchRecommendations(for_python(request()))
    everyone = [*waiting, *pausing, of_python]
    for lists in everyone:
        next(lists)
    write(native, 1, user_id="user-1")
    code, _, log = native.stop()
    assert code == 0, log
    ends = [drained(lists) for lists in everyone]
    assert {code for code, _ in ends} == {grpc.StatusCode.UNAVAILABLE}
    assert all("SERVER_DRAINING" in reason for _, reason in ends)


def test_a_storm_of_five_hundred_cancelled_watches_leaves_nothing_behind(native: Any) -> None:
    """They end before, during and after their first list, on their own or by a deadline, while events go on."""
    random, over = Random(23), threading.Event()

    def events() -> None:
        number = 0
        while not over.is_set():
            write(native, number % 200, user_id=f"user-{number % 5}", session_id="s")
            number += 1

    writer = threading.Thread(target=events)
    writer.start()
    watches = []
    for number in range(500):
        asked = request(random.choice([0, 0.002, 3600]), user_id=f"user-{number % 5}", session_id="s")
        asked = for_python(asked) if number % 10 == 9 else asked
        timeout = random.choice([None, None, 0.3 * random.random()])
        watches.append(native.recommendation.WatchRecommendations(asked, timeout=timeout))
        if number % 3 == 0:
            watches.pop(random.randrange(len(watches))).cancel()
    random.shuffle(watches)
    for watch in watches:
        watch.cancel()
    over.set()
    writer.join()
    until(lambda: native.metrics()["recstream_streams_open"] == 0)
    lists = native.recommendation.WatchRecommendations(request(user_id="user-1"))
    next(lists)
    assert write(native, 1, user_id="user-1") == next(lists).recommendation.state_version
    code, _, log = native.stop()
    assert (code, "Traceback" in log) == (0, False)


def test_large_models_are_scanned_beside_the_connections(start_native: Fixture, tmp_path: Any) -> None:
    """The same when queries go to threads of their own."""
    config = tmp_path / "server.toml"
    config.write_text("[engine]\ninline_multiply_adds = 0\n")
    server = start_native("--config", str(config))
    lists = [server.recommendation.WatchRecommendations(request(user_id="user-1")) for _ in range(50)]
    for one in lists:
        next(one)
    last = [write(server, number, user_id="user-1") for number in range(20)][-1]
    for one in lists:
        while next(one).recommendation.state_version < last:
            pass
        one.cancel()
    until(lambda: server.metrics()["recstream_streams_open"] == 0)
    assert passed_on(server) == 0
