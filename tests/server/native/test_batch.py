"""BatchRecommendItems on the native front: what C++ answers, Python answers with the same bytes."""

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import grpc
import pytest
from seeded_requests import ODDITIES, Requests

from recstream.v1 import recommendation_service_pb2 as rec_pb

Fixture = Callable[..., Any]

BATCH = "/recstream.v1.RecommendationService/BatchRecommendItems"
RPC = 'rpc="recstream.v1.RecommendationService/BatchRecommendItems"'
UNKNOWN = ODDITIES[0]
"""A field that no message has: protobuf ignores it, and the native front leaves such messages to Python."""

Request = rec_pb.BatchRecommendItemsRequest
Response = rec_pb.BatchRecommendItemsResponse


def queries(random: Random, count: int) -> list[rec_pb.RecommendItemsRequest]:
    return [
        rec_pb.RecommendItemsRequest(
            user_id=random.choice(["", "stranger", "user-1", "user-2"]),
            page_size=random.choice([0, 1, 50, 1000]),
            exclude_item_ids=[f"item-{random.randrange(200)}" for _ in range(random.randrange(30))],
            include_attributes=random.random() < 0.2,
        )
        for _ in range(count)
    ]


def ask(server: Any, data: bytes) -> bytes:
    """Attributes are a map, which protobuf writes in another order each time."""
    answer: bytes = server.channel.unary_unary(BATCH)(data, timeout=60)
    return Response.FromString(answer).SerializeToString(deterministic=True)


def passed_on(server: Any) -> dict[str, float]:
    return {name: value for name, value in server.metrics().items() if name.startswith("recstream_forwarded_total")}


def test_answers_are_equal_byte_for_byte_and_counted_once(native: Any) -> None:
    """Batches around what shares a pass, and the largest."""
    random, sizes = Random(8), (1, 2, 63, 64, 65, 200, 1000)
    batches = [Request(requests=queries(random, size)).SerializeToString() for size in sizes]
    answers = [ask(native, batch) for batch in batches]
    assert passed_on(native) == {}
    metrics = native.metrics()
    assert metrics[f'recstream_calls_total{{code="OK",{RPC}}}'] == len(sizes)
    assert metrics[f'recstream_stream_messages_total{{code="OK",{RPC}}}'] == sum(sizes)
    assert metrics["recstream_calls_in_flight"] == 0
    assert [ask(native, batch + UNKNOWN) for batch in batches] == answers
    assert [len(Response.FromString(answer).results) for answer in answers] == list(sizes)


def test_one_strange_query_makes_the_batch_pythons(native: Any) -> None:
    random = Random(9)
    for strange in (rec_pb.RecommendItemsRequest(page_size=-1), rec_pb.RecommendItemsRequest(min_state_version=2**60)):
        batch = queries(random, 80)
        batch[70] = strange
        results = Response.FromString(ask(native, Request(requests=batch).SerializeToString())).results
        assert [place for place, result in enumerate(results) if result.HasField("error")] == [70]
    assert passed_on(native) == {f'recstream_forwarded_total{{reason="irregular",{RPC}}}': 2}


@pytest.mark.parametrize("count", [0, 1001])
def test_no_query_and_too_many_are_refused(native: Any, count: int) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        native.recommendation.BatchRecommendItems(Request(requests=queries(Random(1), count)))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT


def test_answers_that_do_not_fit_are_left_out_as_python_does(start_native: Fixture, tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text("[limits]\nmessage_bytes = 20000\n[engine]\ninline_multiply_adds = 0\n")
    server = start_native("--config", str(config))
    seen_errors = set()
    for page_size in range(1, 200, 6):
        asked = [rec_pb.RecommendItemsRequest(user_id=f"user-{n}", page_size=page_size) for n in range(12)]
        batch = Request(requests=asked).SerializeToString()
        answer = ask(server, batch)
        assert answer == ask(server, batch + UNKNOWN)
        assert len(answer) <= 20_000
        seen_errors.add(any(result.HasField("error") for result in Response.FromString(answer).results))
    assert seen_errors == {False, True}


def test_batches_that_are_given_up_leave_nothing_behind(native: Any) -> None:
    batch = Request(requests=queries(Random(3), 500))
    random, requests = Random(4), Requests(5)
    for _ in range(40):
        call = native.recommendation.BatchRecommendItems.future(batch, timeout=random.choice([None, 0.01]))
        if requests.chance(0.7):
            call.cancel()
        elif call.exception() is None:
            assert len(call.result().results) == 500
    assert len(native.recommendation.BatchRecommendItems(batch).results) == 500
    assert native.stop()[0] == 0
