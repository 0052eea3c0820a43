"""What C++ answers, Python answers with the same bytes, but for the order of attributes."""

from collections.abc import Callable
from random import Random
from struct import pack
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from grpc_status import rpc_status
from seeded_requests import Requests

from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb

NATIVE = ("--transport", "native", "--metrics", "127.0.0.1:0")

# Field 100, a varint: no message has it, protobuf ignores it, and the native front leaves such messages to Python.
UNKNOWN = b"\xa0\x06\x01"


def some(random: Random, *choices: Any) -> Any:
    return random.choice(choices)


def ids(random: Random, most: int) -> list[str]:
    names = [f"item-{random.randrange(250)}" for _ in range(random.randrange(most))]
    return names + names[: random.randrange(3)]


def a_filter(random: Random) -> Any:
    return some(random, None, None, Requests(random.randrange(2**32)).filter(valid=True))


def recent_events(random: Random) -> Any:
    return some(random, [], [], Requests(random.randrange(2**32)).recent_events(valid=True))


def recommend(random: Random) -> rec_pb.RecommendItemsRequest:
    return rec_pb.RecommendItemsRequest(
        user_id=some(random, "", "stranger", "é", "\0", *(f"user-{number}" for number in range(20))),
        session_id=some(random, "", "", "session-1", "nobody"),
        page_size=some(random, 0, 1, 7, 1000, 5000, 2**31 - 1),
        candidate_item_ids=some(random, [], ids(random, 300)),
        exclude_item_ids=some(random, [], ids(random, 300)),
        seen_policy=random.randrange(3),
        min_state_version=some(random, 0, 0, 1, 3),
        filter=a_filter(random),
        include_attributes=some(random, False, False, True),
        recent_events=recent_events(random),
    )


def rank(random: Random) -> rec_pb.RankItemsRequest:
    return rec_pb.RankItemsRequest(
        user_id=some(random, "", "stranger", "user-1", "user-2"),
        session_id=some(random, "", "session-1"),
        item_ids=[*ids(random, 300), "item-0"],
        seen_policy=random.randrange(3),
        min_state_version=some(random, 0, 2),
        filter=a_filter(random),
        include_attributes=some(random, False, False, True),
        recent_events=recent_events(random),
    )


def similar(random: Random) -> rec_pb.FindSimilarItemsRequest:
    return rec_pb.FindSimilarItemsRequest(
        item_id=f"item-{random.randrange(200)}",
        page_size=some(random, 0, 1, 50, 1000, 2000),
        filter=a_filter(random),
        include_attributes=some(random, False, False, True),
    )


MAKERS: dict[str, Callable[[Random], Message]] = {
    "RecommendItems": recommend,
    "RankItems": rank,
    "FindSimilarItems": similar,
}


@pytest.fixture(scope="module")
def lively(bundle_path: Any, tmp_path_factory: pytest.TempPathFactory, server_process: Any) -> Any:
    """A server with events of some users and of a session."""
    own = server_process("--bundle", str(bundle_path), "--state", str(tmp_path_factory.mktemp("state")), *NATIVE)
    for number in range(12):
        event = types.UserEvent(
            user_id=some(Random(number), "user-1", "user-2", "user-3", ""),
            session_id="session-1",
            item_id=f"item-{number * 7}",
            event_type=some(Random(number), "click", "like", "hide"),
        )
        own.user_event.WriteUserEvent(event_pb.WriteUserEventRequest(event=event))
    return own


def forwarded(server: Any) -> float:
    return sum(value for name, value in server.metrics().items() if name.startswith("recstream_forwarded_total"))


def in_order(answers: list[bytes], response: type[Message]) -> list[bytes]:
    """The same bytes; answers with attributes in the order of their names, as protobuf writes a map in any order."""
    return [
        response.FromString(answer).SerializeToString(deterministic=True) if b"title" in answer else answer
        for answer in answers
    ]


@pytest.mark.parametrize("rpc", MAKERS)
def test_unary_answers_are_equal_byte_for_byte(lively: Any, rpc: str) -> None:
    random = Random(len(rpc))
    call = lively.channel.unary_unary(f"/recstream.v1.RecommendationService/{rpc}")
    requests = [MAKERS[rpc](random).SerializeToString() for _ in range(300)]
    before = forwarded(lively)
    native = [call(request, timeout=20) for request in requests]
    assert forwarded(lively) == before
    response = getattr(rec_pb, f"{rpc}Response")
    python = [call(request + UNKNOWN, timeout=20) for request in requests]
    assert in_order(native, response) == in_order(python, response)
    assert in_order(native, response) == native
    assert any(b"title" in answer for answer in native)
    assert forwarded(lively) == before + 300


def test_answers_on_a_stream_are_equal_byte_for_byte(lively: Any) -> None:
    random = Random(3)
    call = lively.channel.stream_stream("/recstream.v1.RecommendationService/StreamingRecommend")
    requests = [
        rec_pb.StreamingRecommendRequest(sequence=number - 5, recommend=recommend(random)).SerializeToString()
        for number in range(300)
    ]
    before = forwarded(lively)
    native = list(call(iter(requests), timeout=20))
    assert forwarded(lively) == before
    python = list(call((request + UNKNOWN for request in requests), timeout=20))
    response = rec_pb.StreamingRecommendResponse
    assert in_order(native, response) == in_order(python, response)
    assert forwarded(lively) == before + 300


@pytest.mark.parametrize("rpc", MAKERS)
def test_messages_that_come_twice_are_merged_as_protobuf_merges_them(lively: Any, rpc: str) -> None:
    random = Random(len(rpc) + 1)
    call = lively.channel.unary_unary(f"/recstream.v1.RecommendationService/{rpc}")
    requests = [MAKERS[rpc](random).SerializeToString() + MAKERS[rpc](random).SerializeToString() for _ in range(100)]
    before = forwarded(lively)
    native = [call(request, timeout=20) for request in requests]
    assert forwarded(lively) == before
    response = getattr(rec_pb, f"{rpc}Response")
    assert in_order(native, response) == in_order([call(one + UNKNOWN, timeout=20) for one in requests], response)


def field(number: int, data: bytes) -> bytes:
    """A field with a length below 128."""
    return bytes([number << 3 | 2, len(data)]) + data


def number(place: int, value: float) -> bytes:
    return bytes([place << 3 | 1]) + pack("<d", value)


YEAR = field(1, b"year")
ODD_CONDITIONS = {
    "numbers not packed": YEAR + field(2, number(2, 1900.0) + number(2, 1901.0)),
    "numbers in two packs": YEAR + field(2, field(2, pack("<d", 1900.0)) + field(2, pack("<dd", 1901.0, 1902.0))),
    "an empty pack": YEAR + field(2, field(2, b"") + field(2, pack("<d", 1900.0))),
    "nothing but an empty pack": YEAR + field(2, field(2, b"")),
    "half a number": YEAR + field(2, field(2, pack("<d", 1900.0)[:4])),
    "a bool that is 2": field(1, b"in_stock") + field(2, field(3, b"\2")),
    "two lower ends": YEAR + field(3, number(1, 1900.0) + number(2, 1950.0)),
    "a range twice": YEAR + field(3, number(1, 1950.0)) + field(3, number(4, 1960.0)),
    "two tests": YEAR + field(3, number(1, 1950.0)) + b"\x20\x01",
    "values twice": YEAR + field(2, field(2, pack("<d", 1900.0))) + field(2, field(2, pack("<d", 1901.0))),
    "two names": field(1, b"title") + YEAR + b"\x20\x01",
    "a text that is not UTF-8": field(1, b"title") + field(2, field(1, b"\xff")),
    "the name last": b"\x20\x00" + YEAR,
}


@pytest.mark.parametrize("condition", ODD_CONDITIONS.values(), ids=ODD_CONDITIONS)
def test_conditions_that_no_serializer_writes_mean_the_same(lively: Any, condition: bytes) -> None:
    call = lively.channel.unary_unary("/recstream.v1.RecommendationService/RecommendItems")
    outcomes: list[Any] = []
    for sent in (field(7, field(1, condition)), field(7, field(1, condition)) + UNKNOWN):
        try:
            outcomes.append(call(sent, timeout=20))
        except grpc.RpcError as error:
            outcomes.append((error.code(), error.details()))
    assert outcomes[0] == outcomes[1]


def range_of(**ends: float) -> types.Condition:
    return types.Condition(attribute="year", range=types.NumberRange(**ends))


def equal(attribute: str, **values: Any) -> types.Condition:
    return types.Condition(attribute=attribute, equals_any=types.AttributeValues(**values))


INVALID_FILTERS = [
    types.Filter(all_of=[types.Condition(attribute="colour", exists=True)]),
    types.Filter(all_of=[types.Condition(exists=True)]),
    types.Filter(all_of=[types.Condition(attribute="x" * 129, exists=True)]),
    types.Filter(any_of=[types.Condition(attribute="year")]),
    types.Filter(any_of=[types.Condition(attribute="year", exists=True)] * 65),
    types.Filter(none_of=[equal("title")]),
    types.Filter(none_of=[equal("title", bools=[True])]),
    types.Filter(none_of=[equal("title", strings=["a"], numbers=[1.0])]),
    types.Filter(none_of=[equal("title", strings=["a"] * 1001)]),
    types.Filter(none_of=[equal("year", numbers=[1.0, float("nan")])]),
    types.Filter(none_of=[equal("year", bools=[True])]),
    types.Filter(none_of=[equal("in_stock", numbers=[1.0])]),
    types.Filter(all_of=[range_of()]),
    types.Filter(all_of=[range_of(less=float("inf"))]),
    types.Filter(all_of=[range_of(greater=float("nan"))]),
    types.Filter(all_of=[range_of(greater_or_equal=2.0, less_or_equal=1.0)]),
    types.Filter(all_of=[range_of(greater=1.0, less=1.0)]),
    types.Filter(all_of=[range_of(greater=1.7976931348623157e308)]),
    types.Filter(all_of=[types.Condition(attribute="title", range=types.NumberRange(less=1.0))]),
]

INVALID_EVENTS = [
    [types.UserEvent()],
    [types.UserEvent(item_id="item-1", event_type="no such type")],
    [types.UserEvent(item_id="x" * 129, event_type="click")],
    [types.UserEvent(item_id="item-1", event_type="click", value=float("nan"))],
    [types.UserEvent(item_id="item-1", event_type="click", event_time=Timestamp(seconds=253_402_300_800))],
    [types.UserEvent(item_id="item-1", event_type="click")] * 1001,
]

INVALID = [
    rec_pb.RecommendItemsRequest(page_size=-1),
    rec_pb.RecommendItemsRequest(user_id="x" * 129),
    rec_pb.RecommendItemsRequest(seen_policy=7),  # type: ignore[arg-type]
    rec_pb.RecommendItemsRequest(candidate_item_ids=["item-1", ""]),
    rec_pb.RecommendItemsRequest(exclude_item_ids=["x"] * 10_001),
    rec_pb.RecommendItemsRequest(min_state_version=2**60),
    *(rec_pb.RecommendItemsRequest(recent_events=events) for events in INVALID_EVENTS),
    *(rec_pb.RecommendItemsRequest(filter=item_filter) for item_filter in INVALID_FILTERS),
]


@pytest.mark.parametrize("request_", INVALID, ids=lambda request: next(iter(request.ListFields()))[0].name)
def test_errors_are_those_of_python(lively: Any, request_: Message) -> None:
    call = lively.channel.unary_unary("/recstream.v1.RecommendationService/RecommendItems")
    data = request_.SerializeToString()
    statuses = []
    for sent in (data, data + UNKNOWN):
        with pytest.raises(grpc.RpcError) as caught:
            call(sent, timeout=20)
        statuses.append(rpc_status.from_call(caught.value))
    assert statuses[0] == statuses[1]
    assert statuses[0].details
