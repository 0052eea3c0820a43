"""Bidirectional streams of the asynchronous client: answers are matched to messages by their sequence."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Generic, Self, Unpack

import grpc

from recstream.client.requests import EventFields, RecommendFields, recommend_request, user_event
from recstream.client.statuses import error_of_call
from recstream.client.streams import MAX_PENDING, Request, Response, answer_of
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

# grpc.aio puts this in place of the server's own status when a write meets the end of the call (31 of 100 trials).
_WRITE_MET_END: Final = "Internal error from Core"


class _AsyncStream(Generic[Request, Response]):
    """Sends messages in the order in which their coroutines begin, and wakes each one with its answer."""

    def __init__(self, open_call: Callable[..., Any], *, target: str, timeout_s: float) -> None:
        self._call = open_call()
        self._target = target
        self._timeout_s = timeout_s
        self._slots = asyncio.Semaphore(MAX_PENDING)
        self._outbox: asyncio.Queue[Request | None] = asyncio.Queue()
        self._pending: dict[int, asyncio.Future[Any]] = {}
        self._sequence = 0
        self._broken: RecstreamError | None = None
        # A task of its own writes: cancelling a coroutine in the middle of a write would cancel the whole call.
        self._tasks = [asyncio.create_task(self._write()), asyncio.create_task(self._read())]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        if kind is not None:
            self._call.cancel()
        await self.close()

    async def close(self) -> None:
        """Send no more, and wait until everything sent is answered or the deadline has passed."""
        if self._broken is None:
            self._broken = UnavailableError("the stream is closed; open another one")
        self._outbox.put_nowait(None)
        await asyncio.wait(self._tasks, timeout=self._timeout_s)
        self._call.cancel()
        await asyncio.wait(self._tasks)

    async def _send(self, request: Request, timeout_s: float | None) -> Any:
        limit_s = self._timeout_s if timeout_s is None else timeout_s
        try:
            async with asyncio.timeout(limit_s):
                # Bounds what waits here when the server reads slowly; the reader gives the slot back.
                await self._slots.acquire()
                return await self._enqueue(request)
        except TimeoutError:
            raise DeadlineError(f"no answer on the stream within {limit_s} s; wait longer or check it") from None

    def _enqueue(self, request: Request) -> "asyncio.Future[Any]":
        if self._broken is not None:
            self._slots.release()
            raise self._broken
        self._sequence += 1
        request.sequence = self._sequence
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[self._sequence] = future
        self._outbox.put_nowait(request)
        return future

    async def _write(self) -> None:
        try:
            while (request := await self._outbox.get()) is not None:
                await self._call.write(request)
            await self._call.done_writing()
        except (grpc.RpcError, asyncio.CancelledError, asyncio.InvalidStateError):
            pass  # the call has ended; the reader learns why

    async def _read(self) -> None:
        error: RecstreamError = UnavailableError(f"{self._target} ended the stream; open another one")
        try:
            async for response in self._call:
                self._complete(response)
        except grpc.aio.AioRpcError as failure:
            if failure.details() != _WRITE_MET_END:
                error = error_of_call(failure, self._target)
        except asyncio.CancelledError:
            error = UnavailableError("the stream was closed before the answer came")
        self._broken = self._broken or error
        self._outbox.put_nowait(None)
        for future in self._pending.values():
            self._slots.release()
            if not future.done():
                future.set_exception(error)
        self._pending.clear()

    def _complete(self, response: Response) -> None:
        future = self._pending.pop(response.sequence, None)
        if future is None:
            return
        self._slots.release()
        if future.done():
            return
        try:
            future.set_result(answer_of(response))
        except RecstreamError as error:
            future.set_exception(error)


class AsyncRecommendStream(_AsyncStream[StreamingRecommendRequest, StreamingRecommendResponse]):
    """Events and queries on one stream; an answer reflects every event sent before it.

    Messages are sent in the order in which these coroutines begin to run; gather them to have many under way.
    """

    async def send_event(
        self, *, item_id: str, event_type: str, timeout_s: float | None = None, **fields: Unpack[EventFields]
    ) -> WriteUserEventResponse:
        """Send an event, see `recstream.client.user_event`, and wait for the acknowledgement."""
        event = user_event(item_id=item_id, event_type=event_type, **fields)
        answer: WriteUserEventResponse = await self._send(StreamingRecommendRequest(event=event), timeout_s)
        return answer

    async def recommend(
        self, user_id: str = "", *, timeout_s: float | None = None, **query: Unpack[RecommendFields]
    ) -> RecommendItemsResponse:
        """Send a query, see `RecommendFields`, and wait for the answer."""
        request = StreamingRecommendRequest(recommend=recommend_request(user_id, **query))
        answer: RecommendItemsResponse = await self._send(request, timeout_s)
        return answer


class AsyncEventStream(_AsyncStream[StreamingWriteUserEventsRequest, StreamingWriteUserEventsResponse]):
    """Events on one stream, acknowledged in order."""

    async def send_event(
        self, *, item_id: str, event_type: str, timeout_s: float | None = None, **fields: Unpack[EventFields]
    ) -> WriteUserEventResponse:
        """Send an event, see `recstream.client.user_event`, and wait for the acknowledgement."""
        event = user_event(item_id=item_id, event_type=event_type, **fields)
        answer: WriteUserEventResponse = await self._send(StreamingWriteUserEventsRequest(event=event), timeout_s)
        return answer
