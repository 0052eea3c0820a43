"""Requests that no honest client sends: whatever comes, the server answers properly and lives on."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from random import Random
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recstream.v1 import model_service_pb2 as model_pb
from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb

PROPER = {
    grpc.StatusCode.OK,
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.FAILED_PRECONDITION,
}
EVENT = types.UserEvent(
    event_id="e", user_id="hostile", session_id="s", item_id="item-1", event_type="rating", value=4.0
)
QUERY = rec_pb.RecommendItemsRequest(
    user_id="hostile",
    session_id="s",
    page_size=20,
    candidate_item_ids=["item-1", "item-2"],
    exclude_item_ids=["item-3"],
    recent_events=[EVENT],
    include_attributes=True,
    filter=types.Filter(
        all_of=[types.Condition(attribute="genres", equals_any=types.AttributeValues(strings=["Drama"]))],
        any_of=[types.Condition(attribute="year", range=types.NumberRange(greater=1900.0))],
        none_of=[types.Condition(attribute="title", exists=False)],
    ),
)
UNARY: dict[str, Message] = {
    "RecommendationService/RecommendItems": QUERY,
    "RecommendationService/BatchRecommendItems": rec_pb.BatchRecommendItemsRequest(requests=[QUERY] * 3),
    "RecommendationService/RankItems": rec_pb.RankItemsRequest(user_id="u", item_ids=["item-1"], recent_events=[EVENT]),
    "RecommendationService/FindSimilarItems": rec_pb.FindSimilarItemsRequest(item_id="item-1", page_size=5),
    "UserEventService/WriteUserEvent": event_pb.WriteUserEventRequest(event=EVENT),
    "UserEventService/BatchWriteUserEvents": event_pb.BatchWriteUserEventsRequest(requests=[{"event": EVENT}] * 3),
    "UserEventService/ListUserEvents": event_pb.ListUserEventsRequest(user_id="u", page_token="AAAA"),
    "ModelService/ListModels": model_pb.ListModelsRequest(page_size=3, page_token="AAAA"),
    "ModelService/GetModel": model_pb.GetModelRequest(name="synthetic-als"),
}
STREAMS: dict[str, Message] = {
    "RecommendationService/StreamingRecommend": rec_pb.StreamingRecommendRequest(sequence=1, recommend=QUERY),
    "UserEventService/StreamingWriteUserEvents": event_pb.StreamingWriteUserEventsRequest(sequence=1, event=EVENT),
}


def mutated(random: Random, data: bytes) -> bytes:
    """Flip, cut, double or replace a few bytes."""
    changed = bytearray(data)
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(changed) + 1)
        match random.randrange(4):
            case 0:
                changed[place : place + 1] = bytes([random.randrange(256)])
            case 1:
                del changed[place : place + random.randint(1, 8)]
            case 2:
                changed[place:place] = changed[: random.randint(0, 16)]
            case 3:
                changed[place:place] = random.randbytes(random.randint(1, 8))
    return bytes(changed)


def campaign(server: Any, seed: int, calls: int) -> Counter[grpc.StatusCode]:
    random = Random(seed)
    codes: Counter[grpc.StatusCode] = Counter()
    invoke = {name: server.channel.unary_unary(f"/recstream.v1.{name}") for name in UNARY}
    for _ in range(calls):
        name = random.choice(list(UNARY))
        call = invoke[name].future(mutated(random, UNARY[name].SerializeToString()), timeout=20)
        codes[call.code()] += 1
    return codes


@pytest.mark.parametrize("seed", range(3))
def test_mutated_unary_requests(server: Any, seed: int) -> None:
    codes = campaign(server, seed, 1000)
    assert codes.keys() <= PROPER, codes
    assert len(codes) >= 3


@pytest.mark.full
def test_mutated_unary_requests_at_length(server: Any) -> None:
    codes = campaign(server, 99, 1_000_000)
    assert codes.keys() <= PROPER, codes


@pytest.mark.parametrize("name", STREAMS)
def test_mutated_messages_on_streams(server: Any, name: str) -> None:
    random = Random(7)
    call = server.channel.stream_stream(f"/recstream.v1.{name}")
    for _ in range(100):
        answers = call((mutated(random, STREAMS[name].SerializeToString()) for _ in range(20)), timeout=20)
        with contextlib.suppress(grpc.RpcError):
            list(answers)
        assert answers.code() in PROPER, answers.details()


TEXT = st.text(max_size=40) | st.sampled_from(["item-1", "user-1", "\0", "x" * 129, "é" * 65])
NUMBER = st.integers(-(2**31), 2**31 - 1) | st.sampled_from([0, 1, 1000, 1001])
EVENTS = st.lists(
    st.builds(
        types.UserEvent,
        item_id=TEXT,
        event_type=TEXT | st.sampled_from(["click", "hide", "rating", "impression"]),
        value=st.none() | st.floats(),
    ),
    max_size=5,
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    request=st.builds(
        rec_pb.RecommendItemsRequest,
        user_id=TEXT,
        session_id=TEXT,
        page_size=NUMBER,
        candidate_item_ids=st.lists(TEXT, max_size=5),
        exclude_item_ids=st.lists(TEXT, max_size=5),
        seen_policy=st.integers(-1, 4),
        recent_events=EVENTS,
        include_attributes=st.booleans(),
        min_state_version=st.integers(-(2**63), 2**63 - 1) | st.just(0),
    )
)
def test_well_formed_nonsense(server: Any, request: rec_pb.RecommendItemsRequest) -> None:
    call = server.recommendation.RecommendItems.future(request, timeout=20)
    assert call.code() in PROPER, call.details()


def test_a_large_request_of_the_permitted_size_is_answered(server: Any) -> None:
    request = rec_pb.RecommendItemsRequest(
        user_id="user-1",
        page_size=1000,
        candidate_item_ids=[f"item-{number}" for number in range(10_000)],
        exclude_item_ids=[f"item-{number}-" + "x" * 100 for number in range(10_000)],
        recent_events=[EVENT] * 1000,
    )
    response = server.recommendation.RecommendItems(request, timeout=20)
    assert len(response.missing_item_ids) == 9800
    assert len(response.recommendations) > 190


def test_metadata_over_the_limit_is_refused(server: Any) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        server.model.ListModels(model_pb.ListModelsRequest(), metadata=[("filler", "x" * 20_000)], timeout=20)
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED


def test_nothing_is_begun_after_the_deadline(start_server: Any) -> None:
    """Calls whose deadline has passed when they arrive are not counted as answered."""
    own = start_server("--metrics", "127.0.0.1:0")
    for timeout in pauses():
        call = own.user_event.WriteUserEvent.future(event_pb.WriteUserEventRequest(event=EVENT), timeout=timeout)
        assert call.code() in {grpc.StatusCode.OK, grpc.StatusCode.DEADLINE_EXCEEDED}
    assert own.metrics()["recstream_calls_in_flight"] == 0


def pauses() -> Iterator[float]:
    random = Random(1)
    for _ in range(200):
        yield random.choice([1e-9, 1e-4, 5e-4, 1e-3, 10.0])
