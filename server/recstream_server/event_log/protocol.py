"""What the server needs from an event log, whatever keeps it."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from recstream.errors import AlreadyExistsError


class NewEvent(NamedTuple):
    """A validated event on its way to the log."""

    event_id: str
    """Idempotency key, never empty."""
    user_id: str
    """Empty when only the session is known."""
    session_id: str
    """Empty when there is none; never together with an empty `user_id`."""
    item_id: str
    event_type: str
    value: float | None
    """Finite."""
    event_time_us: int
    """Microseconds since 1970-01-01 UTC, by the caller's clock or that of the arrival."""
    attribution_token: str = ""
    """As the client sent it; empty when it sent none."""
    attributes: str = ""
    """A JSON object, its keys sorted; empty when there are none."""


class StoredEvent(NamedTuple):
    """An event as the log keeps it: its place in the log, then the fields of `NewEvent` in their order."""

    version: int
    event_id: str
    user_id: str
    session_id: str
    item_id: str
    event_type: str
    value: float | None
    event_time_us: int
    attribution_token: str = ""
    attributes: str = ""


class Receipt(NamedTuple):
    """Says that an event is durable."""

    event_id: str
    state_version: int
    """The event's place in the log; for a duplicate, that of the first one."""
    duplicate: bool


AppendResult = Receipt | AlreadyExistsError


class EventLog(Protocol):
    """A durable sequence of events, idempotent by `NewEvent.event_id`.

    One thread appends and checks; any thread reads at the same time.
    """

    def append(self, events: Sequence[NewEvent]) -> list[AppendResult]:
        """Store events in one transaction; durable on return.

        Versions rise strictly, in the order given; they may leave gaps and are never given twice.

        Returns
        -------
        list
            One entry an event, in order. An id that is stored already, or comes earlier in `events`, is answered with
            the first version and ``duplicate=True`` if the content is the same, else with an `AlreadyExistsError` in
            its place. The event time is not compared: a retry without one is stamped anew at arrival.

        Raises
        ------
        OverloadedError
            ``DISK_FULL``: no space. Nothing is stored.
        UnavailableError
            ``EVENT_LOG_UNAVAILABLE``: any other failure of the storage. Nothing is stored, as far as this process
            will ever answer; after a restart an event refused so may turn up, never acknowledged, as if new.
        """

    def check(self) -> None:
        """Write and sync something that is no event; raises as `append` does. Tells whether the storage is back."""

    def read(self, after_version: int, limit: int) -> list[StoredEvent]:
        """Up to `limit` events with a version above `after_version`, oldest first."""

    def read_user(self, user_id: str, before_version: int | None, limit: int) -> list[StoredEvent]:
        """Up to `limit` events of a user with a version below `before_version` (None: all), newest first."""

    def last_version(self) -> int:
        """The highest version ever given; 0 when there is none."""

    def identity(self) -> str:
        """Which log this is: 32 hexadecimal digits, the same for ever. Copies share it."""

    def close(self) -> None:
        """Let go of the storage; harmless when repeated."""


def unix_seconds(event_time_us: int) -> int:
    """A time as the engine takes it: what was before 1970 is unknown to it."""
    return max(event_time_us // 10**6, 0)
