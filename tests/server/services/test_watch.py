"""WatchRecommendations over a real channel."""

import threading
import time
from collections.abc import Callable
from typing import Any

import grpc
from google.protobuf.duration_pb2 import Duration

from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import user_event_service_pb2 as event_pb
from recstream.v1.recommendation_service_pb2_grpc import RecommendationServiceStub

Fixture = Callable[..., Any]
Response = rec_pb.WatchRecommendationsResponse
CAUSE = Response.Cause.Name


def write(server: Any, event: Any) -> int:
    return server.user_event.WriteUserEvent(event_pb.WriteUserEventRequest(event=event)).state_version


def watch(server: Any, user_id: str, interval_ms: int = 0, **fields: Any) -> Any:
    request = rec_pb.WatchRecommendationsRequest(
        recommend=rec_pb.RecommendItemsRequest(user_id=user_id, page_size=1000, **fields),
        min_interval=Duration(nanos=interval_ms * 1_000_000),
    )
    return server.recommendation.WatchRecommendations(request, timeout=60)


def ids(response: Response) -> set[str]:
    return {recommendation.item_id for recommendation in response.recommendation.recommendations}


def test_first_the_list_then_a_new_one_for_every_event(server: Any, click: Fixture, new_user: Fixture) -> None:
    user = new_user()
    lists = watch(server, user)
    first = next(lists)
    assert (CAUSE(first.cause), first.recommendation.state_version, len(ids(first))) == ("CAUSE_INITIAL", 0, 200)
    for number in range(5):
        version = write(server, click(user, f"item-{number}"))
        pushed = next(lists)
        assert (CAUSE(pushed.cause), pushed.recommendation.state_version) == ("CAUSE_EVENT", version)
        assert f"item-{number}" not in ids(pushed)
    lists.cancel()


def test_events_that_come_close_together_share_a_list(server: Any, click: Fixture, new_user: Fixture) -> None:
    user = new_user()
    lists = watch(server, user, interval_ms=300)
    next(lists)
    started = time.monotonic()
    for number in range(20):
        version = write(server, click(user, f"item-{number}"))
    received = [next(lists)]
    while received[-1].recommendation.state_version < version:
        received.append(next(lists))
    assert len(received) <= (time.monotonic() - started) / 0.3 + 1
    assert len(ids(received[-1])) == 180
    lists.cancel()


def test_a_slow_reader_gets_the_latest_list_and_no_queue_of_old_ones(
    server: Any, click: Fixture, new_user: Fixture
) -> None:
    """The transport's window, 64 KiB here, holds a few lists of 200 items; what is made while it is full is skipped."""
    user = new_user()
    request = rec_pb.WatchRecommendationsRequest(
        recommend=rec_pb.RecommendItemsRequest(user_id=user, page_size=1000, include_attributes=True),
        min_interval=Duration(),
    )
    channel = grpc.insecure_channel(server.target, options=[("grpc.http2.bdp_probe", 0)])
    lists = RecommendationServiceStub(channel).WatchRecommendations(request, timeout=60)
    next(lists)
    for number in range(300):
        version = write(server, click(user, f"item-{number % 100}"))
    versions = []
    while not versions or versions[-1] < version:
        versions.append(next(lists).recommendation.state_version)
    assert versions == sorted(set(versions))
    assert len(versions) < 60
    lists.cancel()
    channel.close()


def test_others_events_are_not_pushed(server: Any, click: Fixture, new_user: Fixture) -> None:
    user, other = new_user(), new_user()
    lists = watch(server, user)
    next(lists)
    write(server, click(other, "item-1"))
    version = write(server, click(user, "item-2"))
    assert next(lists).recommendation.state_version == version
    lists.cancel()


def test_a_duplicate_changes_nothing(server: Any, click: Fixture, new_user: Fixture) -> None:
    user = new_user()
    write(server, click(user, "item-1", event_id=user))
    lists = watch(server, user)
    next(lists)
    write(server, click(user, "item-1", event_id=user))
    version = write(server, click(user, "item-2"))
    assert next(lists).recommendation.state_version == version
    lists.cancel()


def test_a_session_can_be_watched(server: Any, click: Fixture, new_user: Fixture) -> None:
    session = new_user()
    lists = watch(server, "", session_id=session)
    next(lists)
    version = write(server, click("", "item-1", session_id=session))
    assert next(lists).recommendation.state_version == version
    lists.cancel()


def test_many_watchers_of_one_user(server: Any, click: Fixture, new_user: Fixture) -> None:
    user = new_user()
    watchers = [watch(server, user) for _ in range(20)]
    for lists in watchers:
        next(lists)
    version = write(server, click(user, "item-1"))
    assert {next(lists).recommendation.state_version for lists in watchers} == {version}
    for lists in watchers:
        lists.cancel()


def test_a_bad_request_is_refused(server: Any, fault_of: Fixture) -> None:
    request = rec_pb.WatchRecommendationsRequest(
        recommend=rec_pb.RecommendItemsRequest(page_size=-1), min_interval=Duration(seconds=-1)
    )
    fault = fault_of(lambda: next(server.recommendation.WatchRecommendations(request)))
    assert fault.fields == ["min_interval", "recommend.page_size"]


def test_watchers_who_left_are_forgotten(start_server: Fixture, click: Fixture) -> None:
    own = start_server("--metrics", "127.0.0.1:0")
    watchers = [watch(own, "user-1") for _ in range(50)]
    for lists in watchers:
        next(lists)
        lists.cancel()
    for _ in range(200):
        if own.metrics()["recstream_streams_open"] == 0:
            break
        time.sleep(0.05)
    assert own.metrics()["recstream_streams_open"] == 0


def test_watchers_are_told_when_the_server_drains(start_server: Fixture, fault_of: Fixture) -> None:
    own = start_server()
    watchers = [watch(own, f"user-{number}", interval_ms=900) for number in range(5)]
    for lists in watchers:
        next(lists)
    ended = []
    threads = [
        threading.Thread(target=lambda lists=lists: ended.append(fault_of(lambda: next(lists)))) for lists in watchers
    ]
    for thread in threads:
        thread.start()
    started = time.monotonic()
    code, _, log = own.stop()
    for thread in threads:
        thread.join()
    assert code == 0, log
    assert time.monotonic() - started < 9  # the grace is 10 s: nobody waited for it
    assert {(fault.code, fault.reason) for fault in ended} == {(grpc.StatusCode.UNAVAILABLE, "SERVER_DRAINING")}
