"""The end of a server: what is open hears of it and ends itself."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from recstream.errors import UnavailableError


class Draining:
    """Tells every open stream when the server begins to shut down. For the event loop's thread only."""

    def __init__(self) -> None:
        self._callbacks: dict[object, Callable[[], object]] = {}
        self.started = False

    @contextmanager
    def on_start(self, callback: Callable[[], object]) -> Iterator[None]:
        """Within the context, have `callback` called when draining starts; at once if it has."""
        key = object()
        self._callbacks[key] = callback
        if self.started:
            callback()
        try:
            yield
        finally:
            del self._callbacks[key]

    def start(self) -> None:
        """Call everybody."""
        self.started = True
        for callback in tuple(self._callbacks.values()):
            callback()


def draining_error() -> UnavailableError:
    """What ends a stream when the server drains."""
    return UnavailableError(
        "the server is shutting down; open the stream again, it will reach another server", reason="SERVER_DRAINING"
    )
