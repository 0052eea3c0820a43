"""Between the event loop and the writer's thread: events go over, acknowledgements come back."""

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import TypeVar

from recstream.errors import RecstreamError
from recstream_server.event_log import NewEvent, Receipt
from recstream_server.event_source import EventResult
from recstream_server.event_writer import Completion, EventWriter, Submission, complete_all

_Request = TypeVar("_Request")

PendingReceipt = asyncio.Future[EventResult]
"""Resolves to a receipt or an error and never raises: nobody has to fetch the result of a cancelled call."""


class EventSink:
    """Stores events for coroutines.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._writer: EventWriter | None = None

    def connect(self, writer: EventWriter) -> None:
        """Send events to `writer`, which was made with `deliver` of this sink."""
        self._writer = writer

    def deliver(self, completions: list[Completion]) -> None:
        """Take the results of one commit, in the writer's thread, with one wake-up of the loop for all of them."""
        self._loop.call_soon_threadsafe(complete_all, completions)

    def submit(self, event: NewEvent) -> PendingReceipt:
        """Queue an event; raises `OverloadedError` or `UnavailableError` when it cannot be queued."""
        if self._writer is None:
            raise RuntimeError("connect comes before submit")
        pending: PendingReceipt = self._loop.create_future()
        self._writer.submit(event, partial(_settle, pending))
        return pending

    def submit_each(self, events: Iterable[NewEvent | RecstreamError]) -> list[PendingReceipt]:
        """Queue events at once; what keeps one from it, or stands in its place already, becomes the result."""
        if self._writer is None:
            raise RuntimeError("connect comes before submit_each")
        receipts: list[PendingReceipt] = []
        submissions: list[Submission] = []
        for event in events:
            receipts.append(self._loop.create_future())
            if isinstance(event, RecstreamError):
                receipts[-1].set_result(event)
            else:
                submissions.append((event, partial(_settle, receipts[-1])))
        self._writer.submit_each(submissions)
        return receipts

    def begin(self, check: Callable[[_Request], NewEvent], request: _Request) -> PendingReceipt:
        """Check a request and queue its event; what is wrong with either becomes the result."""
        try:
            return self.submit(check(request))
        except RecstreamError as error:
            refused: PendingReceipt = self._loop.create_future()
            refused.set_result(error)
            return refused

    async def store(self, event: NewEvent) -> Receipt:
        """Store an event; returns when it is durable and applied, or raises why it is not."""
        return receipt_of(await self.submit(event))


def receipt_of(result: EventResult) -> Receipt:
    """The receipt; raises the error if it is one."""
    if isinstance(result, RecstreamError):
        raise result
    return result


def _settle(pending: PendingReceipt, result: EventResult) -> None:
    if not pending.done():
        pending.set_result(result)
