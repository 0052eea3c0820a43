"""A real gRPC server whose answers a test scripts."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from grpc_health.v1.health import HealthServicer
from grpc_health.v1.health_pb2 import HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server

from recstream.v1.model_service_pb2_grpc import ModelServiceServicer, add_ModelServiceServicer_to_server
from recstream.v1.recommendation_service_pb2_grpc import (
    RecommendationServiceServicer,
    add_RecommendationServiceServicer_to_server,
)
from recstream.v1.user_event_service_pb2_grpc import UserEventServiceServicer, add_UserEventServiceServicer_to_server

SERVICES = (
    (RecommendationServiceServicer, add_RecommendationServiceServicer_to_server),
    (UserEventServiceServicer, add_UserEventServiceServicer_to_server),
    (ModelServiceServicer, add_ModelServiceServicer_to_server),
)


@pytest.fixture
def serve() -> Iterator[Callable[..., str]]:
    """Start servers: RPC names to functions of the request (or its iterator) and the context. Returns the target."""
    servers: list[grpc.Server] = []

    def start(*, port: int = 0, health: int = HealthCheckResponse.SERVING, **handlers: Callable[..., Any]) -> str:
        server = grpc.server(ThreadPoolExecutor(max_workers=8), options=[("grpc.so_reuseport", 0)])
        methods = {name: staticmethod(handler) for name, handler in handlers.items()}
        for base, add in SERVICES:
            add(type(base.__name__, (base,), methods)(), server)
        checks = HealthServicer()
        checks.set("", health)
        add_HealthServicer_to_server(checks, server)
        bound = server.add_insecure_port(f"127.0.0.1:{port}")
        server.start()
        servers.append(server)
        return f"127.0.0.1:{bound}"

    yield start
    for server in servers:
        server.stop(None).wait()
