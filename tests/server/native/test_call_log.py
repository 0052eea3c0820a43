"""What the native front logs: calls that failed or took long, added up, and nothing of the others."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from recstream_server.telemetry.native_log import log_reports
from structlog.testing import capture_logs

from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb

Fixture = Callable[..., Any]
QUERY = rec_pb.RecommendItemsRequest(user_id="user-1")
CALLS = {"call_failed", "call_slow", "message_failed"}


def started(start_native: Fixture, folder: Path, text: str) -> Any:
    config = folder / "server.toml"
    config.write_text(text)
    return start_native("--config", str(config))


def logged(server: Any) -> list[dict[str, Any]]:
    """The lines about calls, after the end of the server, which tells what is left to tell."""
    code, _, log = server.stop()
    assert code == 0, log
    lines = [json.loads(line) for line in log.splitlines()]
    return [line for line in lines if line["event"] in CALLS]


def write(count: int) -> Message:
    event = types.UserEvent(user_id="u", item_id="item-1", event_type="click")
    return event_pb.BatchWriteUserEventsRequest(requests=[event_pb.WriteUserEventRequest(event=event)] * count)


def test_calls_that_end_well_and_soon_are_not_logged(start_native: Fixture, tmp_path: Path) -> None:
    server = started(start_native, tmp_path, "[log]\nslow_call_ms = 60000.0\n")
    for _ in range(20):
        server.recommendation.RecommendItems(QUERY)
    server.user_event.BatchWriteUserEvents(write(3))
    call = server.recommendation.StreamingRecommend(iter([rec_pb.StreamingRecommendRequest(recommend=QUERY)]))
    assert len(list(call)) == 1
    assert logged(server) == []


def test_slow_calls_are_added_up(start_native: Fixture, tmp_path: Path) -> None:
    server = started(start_native, tmp_path, "[log]\nslow_call_ms = 0.000001\n")
    for _ in range(20):
        server.recommendation.RecommendItems(QUERY)
    lines = logged(server)
    assert {(line["event"], line["rpc"], line["code"], line["level"]) for line in lines} == {
        ("call_slow", "recstream.v1.RecommendationService/RecommendItems", "OK", "info")
    }
    assert sum(1 + line.get("held_back", 0) for line in lines) == 20
    assert all(0 < line["seconds"] < 60 for line in lines)


def test_failures_are_told_with_their_problem(start_native: Fixture, tmp_path: Path) -> None:
    server = started(start_native, tmp_path, "[limits]\nstreams = 1\n[events]\nqueue_limit = 5\n")
    # Only the first five of a batch have room; the others are refused each by itself.
    answer = server.user_event.BatchWriteUserEvents(write(12))
    refused = [result for result in answer.results if result.error.code]
    assert len(refused) == 7
    watch = server.recommendation.WatchRecommendations(rec_pb.WatchRecommendationsRequest(recommend=QUERY))
    next(watch)
    for _ in range(3):
        with pytest.raises(grpc.RpcError) as caught:
            list(server.recommendation.StreamingRecommend(iter([])))
        assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    watch.cancel()
    counts: dict[tuple[str, str, str, str, str], int] = {}
    for line in logged(server):
        key = tuple(line[name] for name in ("event", "rpc", "code", "level", "problem"))
        counts[key] = counts.get(key, 0) + 1 + line.get("held_back", 0)
    assert counts == {
        (
            "message_failed",
            "recstream.v1.UserEventService/BatchWriteUserEvents",
            "RESOURCE_EXHAUSTED",
            "warning",
            refused[0].error.message,
        ): 7,
        (
            "call_failed",
            "recstream.v1.RecommendationService/StreamingRecommend",
            "RESOURCE_EXHAUSTED",
            "warning",
            caught.value.details(),
        ): 3,
    }


def test_text_of_a_request_is_escaped_and_cut() -> None:
    status = Status(code=6, message="event_id: 'a\n\x1b[31m" + "x" * 300 + "' comes again").SerializeToString()
    with capture_logs() as lines:
        log_reports([("recstream.v1.UserEventService/WriteUserEvent", 6, False, 1, 0.25, status)])
    (line,) = lines
    assert (line["event"], line["code"], line["log_level"], line["seconds"]) == (
        "call_failed",
        "ALREADY_EXISTS",
        "info",
        0.25,
    )
    assert line["problem"].startswith("event_id: 'a\\n\\x1b[31mxxx")
    assert line["problem"].endswith(f"... ({len(Status.FromString(status).message)} characters)")
    assert "held_back" not in line
