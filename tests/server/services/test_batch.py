"""BatchRecommendItems and BatchWriteUserEvents over a real channel."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb

Fixture = Callable[..., Any]


def ask(server: Any, queries: list[rec_pb.RecommendItemsRequest]) -> Any:
    return server.recommendation.BatchRecommendItems(rec_pb.BatchRecommendItemsRequest(requests=queries)).results


def write(server: Any, events: list[types.UserEvent | None]) -> Any:
    requests = [event_pb.WriteUserEventRequest(event=event) for event in events]
    return server.user_event.BatchWriteUserEvents(event_pb.BatchWriteUserEventsRequest(requests=requests)).results


def queries(count: int) -> list[rec_pb.RecommendItemsRequest]:
    """Of users known and unknown, of all sizes, some with a filter, candidates or attributes."""
    drama = types.Filter(
        all_of=[types.Condition(attribute="year", range=types.NumberRange(less=1930 + 7.0 * (count % 5)))]
    )
    return [
        rec_pb.RecommendItemsRequest(
            user_id=f"user-{number % 30}",
            page_size=1 + number % 23,
            filter=drama if number % 3 == 0 else None,
            candidate_item_ids=["item-3", "item-9", "none"] if number % 5 == 0 else (),
            include_attributes=number % 2 == 0,
        )
        for number in range(count)
    ]


@pytest.mark.parametrize("count", [1, 70, 1000])
def test_each_query_is_answered_as_alone(server: Any, count: int) -> None:
    asked = queries(count)
    results = ask(server, asked)
    assert len(results) == count
    for query, result in list(zip(asked, results, strict=True))[::17]:
        assert result.recommendation == server.recommendation.RecommendItems(query)


def test_long_queries_are_answered_as_alone(start_server: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECSTREAM_SERVER__ENGINE__INLINE_MULTIPLY_ADDS", "0")
    server = start_server()
    asked = queries(200)
    for query, result in list(zip(asked, ask(server, asked), strict=True))[::11]:
        assert result.recommendation == server.recommendation.RecommendItems(query)


def test_a_wrong_query_leaves_the_others_alone(server: Any, fault_of: Fixture) -> None:
    results = ask(
        server,
        [
            rec_pb.RecommendItemsRequest(user_id="user-1"),
            rec_pb.RecommendItemsRequest(user_id="x" * 129, page_size=-1),
            rec_pb.RecommendItemsRequest(min_state_version=1 << 60),
            rec_pb.RecommendItemsRequest(filter={"all_of": [{"attribute": "no", "exists": True}]}),
            rec_pb.RecommendItemsRequest(user_id="user-2"),
        ],
    )
    assert [result.WhichOneof("result") for result in results] == ["recommendation", *["error"] * 3, "recommendation"]
    faults = [fault_of(result.error) for result in results[1:4]]
    assert faults[0].fields == ["requests[1].user_id", "requests[1].page_size"]
    assert (faults[1].code, faults[1].reason) == (grpc.StatusCode.FAILED_PRECONDITION, "STATE_VERSION_NOT_REACHED")
    assert faults[2].fields == ["requests[3].filter.all_of[0].attribute"]


@pytest.mark.parametrize(("count", "problem"), [(0, "is empty; give 1 to 1,000"), (1001, "has 1,001 entries")])
def test_an_empty_and_a_large_batch_fail_as_a_whole(server: Any, fault_of: Fixture, count: int, problem: str) -> None:
    for call in (lambda: ask(server, queries(count)), lambda: write(server, [types.UserEvent()] * count)):
        fault = fault_of(call)
        assert (fault.code, fault.fields) == (grpc.StatusCode.INVALID_ARGUMENT, ["requests"])
        assert problem in fault.message


def test_answers_that_do_not_fit_are_to_be_asked_for_again(
    start_server: Any, fault_of: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSTREAM_SERVER__LIMITS__MESSAGE_BYTES", "20000")
    server = start_server()
    asked = [rec_pb.RecommendItemsRequest(user_id=f"user-{number}", page_size=150) for number in range(12)]
    results = ask(server, asked)
    kinds = [result.WhichOneof("result") for result in results]
    assert {"recommendation", "error"} == set(kinds)
    for query, result in zip(asked, results, strict=True):
        if result.HasField("recommendation"):
            assert result.recommendation == server.recommendation.RecommendItems(query)
        else:
            fault = fault_of(result.error)
            assert (fault.code, fault.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "ANSWER_TOO_LARGE")


def test_events_are_stored_in_their_order_and_in_the_next_answer(
    server: Any, click: Fixture, new_user: Fixture
) -> None:
    user = new_user()
    results = write(server, [click(user, f"item-{number % 200}") for number in range(1000)])
    versions = [result.event_ack.state_version for result in results]
    assert versions == list(range(versions[0], versions[0] + 1000))
    answer = server.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(user_id=user, page_size=10))
    assert (answer.state_version, len(answer.recommendations)) == (versions[-1], 0)


def test_what_is_wrong_with_an_event_is_its_own(
    server: Any, click: Fixture, new_user: Fixture, fault_of: Fixture
) -> None:
    user = new_user()
    event = click(user, "item-1", event_id=user)
    other = click(user, "item-2", event_id=user)
    results = write(server, [event, click(user, ""), None, event, other, click(user, "item-3")])
    assert [result.WhichOneof("result") for result in results] == [
        "event_ack", "error", "error", "event_ack", "error", "event_ack",
    ]  # fmt: skip
    assert [fault_of(results[place].error).fields for place in (1, 2)] == [
        ["requests[1].event.item_id"],
        ["requests[2].event"],
    ]
    first, again = results[0].event_ack, results[3].event_ack
    assert (again.state_version, again.duplicate, first.duplicate) == (first.state_version, True, False)
    assert fault_of(results[4].error).code == grpc.StatusCode.ALREADY_EXISTS


def test_events_that_the_queue_has_no_room_for_are_refused(
    start_server: Any, click: Fixture, fault_of: Fixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSTREAM_SERVER__EVENTS__QUEUE_LIMIT", "100")
    server = start_server("--metrics", "127.0.0.1:0")
    results = write(server, [click("u", f"item-{number}") for number in range(150)])
    stored = [result.HasField("event_ack") for result in results]
    assert stored == [True] * 100 + [False] * 50
    fault = fault_of(results[-1].error)
    assert (fault.code, fault.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
    assert fault.retry_after_s is not None
    counted = {
        name: value for name, value in server.metrics().items() if "messages" in name and "BatchWriteUserEvents" in name
    }
    assert sorted(counted.values()) == [50, 100]
