"""Bidirectional streams of the synchronous client: answers are matched to messages by their sequence."""

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, Unpack

import grpc

from recstream.client.pending import Pending
from recstream.client.requests import EventFields, RecommendFields, recommend_request, user_event
from recstream.client.statuses import error_of_call, error_of_status
from recstream.errors import DeadlineError, RecstreamError, UnavailableError
from recstream.v1.recommendation_service_pb2 import (
    RecommendItemsResponse,
    StreamingRecommendRequest,
    StreamingRecommendResponse,
)
from recstream.v1.user_event_service_pb2 import (
    StreamingWriteUserEventsRequest,
    StreamingWriteUserEventsResponse,
    WriteUserEventResponse,
)

Request = TypeVar("Request", StreamingRecommendRequest, StreamingWriteUserEventsRequest)
Response = TypeVar("Response", StreamingRecommendResponse, StreamingWriteUserEventsResponse)

MAX_PENDING = 1000


def answer_of(response: Response) -> Any:
    """The answer in a message of the server.

    Raises
    ------
    RecstreamError
        The one that the message holds.
    """
    kind = response.WhichOneof("message")
    if kind is None:
        raise RecstreamError("the server sent an answer that this client does not know; upgrade recstream")
    if kind == "error":
        raise error_of_status(response.error)
    return getattr(response, kind)


class _Stream(Generic[Request, Response]):
    """Sends messages in order and completes each one's `Pending`; safe to use from many threads."""

    def __init__(self, open_call: Callable[..., Any], *, target: str, timeout_s: float) -> None:
        self._target = target
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._slots = threading.Semaphore(MAX_PENDING)
        self._outbox: queue.SimpleQueue[Request | None] = queue.SimpleQueue()
        self._pending: dict[int, Future[Any]] = {}
        self._sequence = 0
        self._broken: RecstreamError | None = None
        self._call = open_call(iter(self._outbox.get, None))
        self._reader = threading.Thread(target=self._read, name="recstream-stream", daemon=True)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is not None:
            self._call.cancel()
        self.close()

    def close(self) -> None:
        """Send no more, and wait until everything sent is answered or the deadline has passed."""
        with self._lock:
            if self._broken is None:
                self._broken = UnavailableError("the stream is closed; open another one")
        self._outbox.put(None)
        self._reader.join(self._timeout_s)
        self._call.cancel()
        self._reader.join()

    def _send(self, request: Request) -> "Pending[Any]":
        # Bounds what waits here when the server reads slowly; the reader gives the slot back.
        if not self._slots.acquire(timeout=self._timeout_s):
            raise DeadlineError(f"{MAX_PENDING} messages wait, and none was answered within {self._timeout_s} s")
        with self._lock:
            if self._broken is not None:
                self._slots.release()
                raise self._broken
            self._sequence += 1
            request.sequence = self._sequence
            future: Future[Any] = Future()
            self._pending[self._sequence] = future
            self._outbox.put(request)
        return Pending(future, self._timeout_s)

    def _read(self) -> None:
        error: RecstreamError = UnavailableError(f"{self._target} ended the stream; open another one")
        try:
            for response in self._call:
                self._complete(response)
        except grpc.RpcError as failure:
            error = error_of_call(failure, self._target)
        with self._lock:
            if self._broken is None:
                self._broken = error
            left = list(self._pending.values())
            self._pending.clear()
        self._outbox.put(None)
        for future in left:
            future.set_exception(error)
            self._slots.release()

    def _complete(self, response: Response) -> None:
        with self._lock:
            future = self._pending.pop(response.sequence, None)
        if future is None:
            return
        try:
            future.set_result(answer_of(response))
        except RecstreamError as error:
            future.set_exception(error)
        self._slots.release()


class RecommendStream(_Stream[StreamingRecommendRequest, StreamingRecommendResponse]):
    """Events and queries on one stream; an answer reflects every event sent before it.

    Messages are sent at once, and answered through the `Pending` that each call returns, so that many can be under way.
    """

    def send_event(
        self, *, item_id: str, event_type: str, **fields: Unpack[EventFields]
    ) -> Pending[WriteUserEventResponse]:
        """Send an event, see `recstream.client.user_event`; its result is the acknowledgement."""
        event = user_event(item_id=item_id, event_type=event_type, **fields)
        return self._send(StreamingRecommendRequest(event=event))

    def recommend(self, user_id: str = "", **query: Unpack[RecommendFields]) -> Pending[RecommendItemsResponse]:
        """Send a query, see `RecommendFields`."""
        return self._send(StreamingRecommendRequest(recommend=recommend_request(user_id, **query)))


class EventStream(_Stream[StreamingWriteUserEventsRequest, StreamingWriteUserEventsResponse]):
    """Events on one stream, acknowledged in order."""

    def send_event(
        self, *, item_id: str, event_type: str, **fields: Unpack[EventFields]
    ) -> Pending[WriteUserEventResponse]:
        """Send an event, see `recstream.client.user_event`; its result is the acknowledgement."""
        event = user_event(item_id=item_id, event_type=event_type, **fields)
        return self._send(StreamingWriteUserEventsRequest(event=event))
