"""Who is watching whose recommendations."""

import asyncio
from collections.abc import Collection, Iterator
from contextlib import contextmanager

from recstream_server.draining import draining_error


class Watcher:
    """One watching stream: a flag that something has changed, and a place to wait for it. Holds no lists.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
    """

    __slots__ = ("_changed", "_ended", "_loop", "_pausing", "_waiter")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._changed = False
        self._ended = False
        self._pausing = False
        self._waiter: asyncio.Future[None] | None = None

    def notify(self) -> None:
        """Say that the user's state has changed."""
        self._changed = True
        if not self._pausing:
            self._wake()

    def end(self) -> None:
        """Say that the server drains."""
        self._ended = True
        self._wake()

    async def changed(self) -> None:
        """Wait for a change since the last call; raises `UnavailableError` when the server drains."""
        if not (self._changed or self._ended):
            await self._wait()
        self._raise_if_ended()
        self._changed = False

    async def pause(self, seconds: float) -> None:
        """Let time pass, changes or not; raises `UnavailableError` when the server drains."""
        if seconds > 0 and not self._ended:
            timer = self._loop.call_later(seconds, self._wake)
            self._pausing = True
            try:
                await self._wait()
            finally:
                self._pausing = False
                timer.cancel()
        self._raise_if_ended()

    async def _wait(self) -> None:
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _raise_if_ended(self) -> None:
        if self._ended:
            raise draining_error()


class WatchHub:
    """Finds the watchers of the users and sessions that events have changed.

    Parameters
    ----------
    loop : asyncio.AbstractEventLoop
        All methods but `on_applied` belong to its thread.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watchers: dict[tuple[str, str], set[Watcher]] = {}

    @contextmanager
    def watching(self, user_id: str, session_id: str) -> Iterator[Watcher]:
        """Within the context, a watcher that hears of every event of the user or the session."""
        watcher = Watcher(self._loop)
        keys = state_keys(user_id, session_id)
        for key in keys:
            self._watchers.setdefault(key, set()).add(watcher)
        try:
            yield watcher
        finally:
            for key in keys:
                self._watchers[key].discard(watcher)
                if not self._watchers[key]:
                    del self._watchers[key]

    def on_applied(self, changed: Collection[tuple[str, str]]) -> None:
        """Hear of (user_id, session_id) pairs whose state has changed; in the writer's thread.

        Only those with a watcher go over to the loop. One who begins to watch between the look and the crossing misses
        nothing: the first list already has the events.
        """
        watched = {key for pair in changed for key in state_keys(*pair) if key in self._watchers}
        if watched:
            self._loop.call_soon_threadsafe(self._notify, watched)

    def _notify(self, keys: set[tuple[str, str]]) -> None:
        for key in keys:
            for watcher in self._watchers.get(key, ()):
                watcher.notify()


def state_keys(user_id: str, session_id: str) -> tuple[tuple[str, str], ...]:
    """The states that an event changes, or an answer may come from."""
    return tuple(key for key in (("user", user_id), ("session", session_id)) if key[1])
