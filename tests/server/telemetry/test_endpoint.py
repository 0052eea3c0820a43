"""/metrics and /health of a real server, and nothing else."""

from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families
from recstream_server.listen_address import ListenAddress
from recstream_server.telemetry.endpoint import TelemetryEndpoint

from recstream.errors import ConfigurationError
from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb

MANUAL = Path(__file__).parent.parent.parent.parent / "docs" / "server.md"


@pytest.fixture
def endpoint() -> Iterator[tuple[TelemetryEndpoint, list[bool]]]:
    serving = [True]
    endpoint = TelemetryEndpoint(ListenAddress("127.0.0.1", 0), CollectorRegistry(), lambda: serving[0])
    yield endpoint, serving
    endpoint.close()


def get(endpoint: TelemetryEndpoint, path: str, method: str = "GET") -> tuple[int, str]:
    connection = HTTPConnection(str(endpoint.address), timeout=10)
    connection.request(method, path)
    response = connection.getresponse()
    text = response.read().decode()
    connection.close()
    return response.status, text


def test_health_follows_the_server(endpoint: tuple[TelemetryEndpoint, list[bool]]) -> None:
    page, serving = endpoint
    assert get(page, "/health") == (200, "SERVING\n")
    serving[0] = False
    assert get(page, "/health") == (503, "NOT_SERVING\n")


@pytest.mark.parametrize("path", ["/", "/metrics/", "/metric", "/../etc/passwd"])
def test_there_is_nothing_else(endpoint: tuple[TelemetryEndpoint, list[bool]], path: str) -> None:
    assert get(endpoint[0], path)[0] == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_can_be_changed(endpoint: tuple[TelemetryEndpoint, list[bool]], method: str) -> None:
    assert get(endpoint[0], "/metrics", method)[0] == 501


def test_a_port_in_use_is_refused(endpoint: tuple[TelemetryEndpoint, list[bool]]) -> None:
    with pytest.raises(ConfigurationError, match=r"metrics\.address: cannot listen"):
        TelemetryEndpoint(endpoint[0].address, CollectorRegistry(), lambda: True)


def test_a_server_counts_what_it_does(start_server: Callable[..., Any]) -> None:
    server = start_server("--metrics", "127.0.0.1:0")
    event = types.UserEvent(event_id="e", user_id="u", item_id="item-1", event_type="click")
    for _ in range(2):
        server.user_event.WriteUserEvent(event_pb.WriteUserEventRequest(event=event))
    for _ in range(3):
        server.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(user_id="u"))
    request = rec_pb.StreamingRecommendRequest(recommend=rec_pb.RecommendItemsRequest(page_size=-1))
    list(server.recommendation.StreamingRecommend(iter([request])))

    text = server.telemetry("/metrics")[1]
    families = {family.name for family in text_string_to_metric_families(text)}
    metrics = server.metrics()
    rpc = 'rpc="recstream.v1.RecommendationService/'
    assert metrics[f'recstream_calls_total{{code="OK",{rpc}RecommendItems"}}'] == 3
    assert metrics[f'recstream_stream_messages_total{{code="INVALID_ARGUMENT",{rpc}StreamingRecommend"}}'] == 1
    assert metrics[f'recstream_call_seconds_count{{{rpc}RecommendItems"}}'] == 3
    assert metrics['recstream_events_total{result="stored"}'] == 1
    assert metrics['recstream_events_total{result="duplicate"}'] == 1
    assert metrics["recstream_commit_events_sum"] == 2
    assert metrics["recstream_state_version"] == 1
    assert metrics["recstream_users_in_state"] == 1
    assert metrics["recstream_items"] == 200
    assert metrics["recstream_event_log_available"] == 1
    assert metrics["recstream_calls_in_flight"] == metrics["recstream_streams_open"] == 0
    assert server.telemetry("/health") == (200, "SERVING\n")
    manual = MANUAL.read_text()
    assert [name for name in families if name.startswith("recstream_") and f"`{name}" not in manual] == []
