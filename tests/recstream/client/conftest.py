"""Ways in which a server may treat a stream, and a port without one."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import grpc
import pytest
from google.rpc.status_pb2 import Status

from recstream.v1.recommendation_service_pb2 import StreamingRecommendRequest, StreamingRecommendResponse
from recstream.v1.user_event_service_pb2 import WriteUserEventResponse


@pytest.fixture
def free_port() -> int:
    """A port where nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _answer(message: StreamingRecommendRequest, events: int) -> StreamingRecommendResponse:
    """Count the events of the stream; items named "bad" fail."""
    if message.HasField("event") and message.event.item_id == "bad":
        return StreamingRecommendResponse(sequence=message.sequence, error=Status(code=3, message="no such type"))
    if message.HasField("event"):
        ack = WriteUserEventResponse(event_id=message.event.event_id, state_version=events)
        return StreamingRecommendResponse(sequence=message.sequence, event_ack=ack)
    return StreamingRecommendResponse(sequence=message.sequence, recommendation={"state_version": events})


def _counting(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
    events = 0
    for message in requests:
        events += message.HasField("event")
        yield _answer(message, events)


def _backwards(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
    answers = list(_counting(requests, context))
    yield StreamingRecommendResponse(sequence=99, event_ack=WriteUserEventResponse())  # answers nothing that was sent
    yield from reversed(answers)


def _breaking(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
    next(requests)
    context.abort(grpc.StatusCode.UNAVAILABLE, "shutting down")
    yield


def _ending(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
    next(requests)
    yield from ()


def _silent(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
    ended = threading.Event()
    context.add_callback(ended.set)
    ended.wait(30)
    yield from ()


@pytest.fixture(scope="session")
def stream_handlers() -> Mapping[str, Callable[..., Iterator[Any]]]:
    """Ways in which a server may treat a stream."""
    return {
        "counting": _counting,
        "backwards": _backwards,
        "breaking": _breaking,
        "ending": _ending,
        "silent": _silent,
    }
