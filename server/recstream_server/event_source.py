"""Where events come from that do not pass through Python one by one."""

import threading
from collections.abc import Sequence
from typing import Protocol

from recstream.errors import RecstreamError
from recstream_server.event_log import NewEvent, Receipt

EventResult = Receipt | RecstreamError


def result_name(result: EventResult) -> str:
    """What became of an event, for metrics."""
    if isinstance(result, RecstreamError):
        return result.reason
    return "duplicate" if result.duplicate else "stored"


class EventSource(Protocol):
    """A queue that the event writer empties beside its own. Its thread waits, takes and completes; any may do the rest.

    Attributes
    ----------
    arrived, taken : int
        Events that it ever took in, and handed out.
    waiting : int
        Events to take.
    """

    @property
    def arrived(self) -> int: ...  # noqa: D102 - see above
    @property
    def taken(self) -> int: ...  # noqa: D102 - see above
    @property
    def waiting(self) -> int: ...  # noqa: D102 - see above

    def wait(self, timeout_s: float | None) -> None:
        """Return when events wait, after `wake`, or after the time, if one is given."""

    def wake(self) -> None:
        """End the wait at hand, or else the next one."""

    def share(self, others: int) -> None:
        """Hear how many events wait in the writer's own queue, which has the same bound."""

    def take(self, limit: int) -> list[NewEvent]:
        """Up to `limit` events, in the order of their arrival."""

    def complete(self, results: Sequence[EventResult]) -> None:
        """Hear what became of events, in the order in which they were taken."""


class NoEvents:
    """An `EventSource` that has none: all there is to do is to wait for somebody to wake the writer."""

    arrived = taken = waiting = 0

    def __init__(self) -> None:
        self._woken = threading.Event()

    def wait(self, timeout_s: float | None) -> None:
        """Return after `wake`, or after the time."""
        self._woken.wait(timeout_s)
        self._woken.clear()

    def wake(self) -> None:
        """End the wait at hand, or else the next one."""
        self._woken.set()

    def share(self, others: int) -> None:
        """Nothing has to be bounded."""

    def take(self, limit: int) -> list[NewEvent]:  # noqa: ARG002 - of the protocol
        """None."""
        return []

    def complete(self, results: Sequence[EventResult]) -> None:
        """Nothing was taken."""
