"""A server that delays and fails as a test says."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest

from recstream.v1.recommendation_service_pb2_grpc import (
    RecommendationServiceServicer,
    add_RecommendationServiceServicer_to_server,
)
from recstream.v1.user_event_service_pb2_grpc import UserEventServiceServicer, add_UserEventServiceServicer_to_server

Serve = Callable[..., str]


@pytest.fixture
def serve_slowly() -> Iterator[Serve]:
    """Start servers with room for many calls that wait: RPC names to functions. Returns the target."""
    servers: list[grpc.Server] = []

    def start(*, options: tuple[tuple[str, int], ...] = (), **handlers: Callable[..., Any]) -> str:
        server = grpc.server(ThreadPoolExecutor(200), options=[("grpc.so_reuseport", 0), *options])
        methods = {name: staticmethod(handler) for name, handler in handlers.items()}
        for base, add in (
            (RecommendationServiceServicer, add_RecommendationServiceServicer_to_server),
            (UserEventServiceServicer, add_UserEventServiceServicer_to_server),
        ):
            add(type(base.__name__, (base,), methods)(), server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        servers.append(server)
        return f"127.0.0.1:{port}"

    yield start
    for server in servers:
        server.stop(None).wait()
