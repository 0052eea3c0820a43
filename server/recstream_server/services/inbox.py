"""The messages of one stream that were read and are not yet answered."""

import asyncio
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from recstream_server.draining import Draining, draining_error
from recstream_server.rpc_context import END_OF_STREAM, Context

_Message = TypeVar("_Message")


class Inbox(Generic[_Message]):
    """Reads ahead while earlier messages are at work, up to a limit; then the client's writes have to wait.

    Use it as a context. It ends at the client's half-close, at a message that does not parse, and when the server
    drains; what was read before is handed out first.

    Parameters
    ----------
    context : ServicerContext
    limit : int
        Messages that may wait here.
    draining : Draining
    """

    def __init__(self, context: Context, limit: int, draining: Draining) -> None:
        self._context = context
        self._limit = limit
        self._messages: deque[_Message] = deque()
        self._ended = False
        self._error: Exception | None = None
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._on_drain = draining.on_start(self._drain)
        self._reader: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._reader = asyncio.create_task(self._read())
        self._on_drain.__enter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._on_drain.__exit__(kind, error, traceback)
        if self._reader is not None:
            self._reader.cancel()

    async def take(self, goes_along: Callable[[_Message], bool]) -> list[_Message]:
        """The next messages: one at least, and those that have arrived behind it for as long as they go along with it.

        Parameters
        ----------
        goes_along : callable
            Asked of each message in order, the first included, for which the answer is not heeded.

        Returns
        -------
        list
            Empty at the end of the stream.

        Raises
        ------
        InvalidArgumentError
            The stream ended with a message that does not parse.
        UnavailableError
            The server drains.
        """
        while not self._messages:
            if self._ended:
                if self._error is not None:
                    raise self._error
                return []
            self._arrived.clear()
            await self._arrived.wait()
        goes_along(self._messages[0])
        run = [self._messages.popleft()]
        while self._messages and len(run) < self._limit and goes_along(self._messages[0]):
            run.append(self._messages.popleft())
        self._room.set()
        return run

    async def _read(self) -> None:
        error = None
        try:
            while (message := await self._context.read()) is not END_OF_STREAM:
                self._messages.append(message)
                self._arrived.set()
                if len(self._messages) >= self._limit:
                    self._room.clear()
                    await self._room.wait()
        except Exception as problem:  # noqa: BLE001 - whoever takes messages gets it
            error = problem
        self._end(error)

    def _drain(self) -> None:
        if self._reader is not None and not self._ended:
            self._reader.cancel()
            self._end(draining_error())

    def _end(self, error: Exception | None) -> None:
        self._ended = True
        self._error = error
        self._arrived.set()
