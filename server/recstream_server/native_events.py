"""The events of the native front, as the event writer takes them."""

from collections.abc import Sequence

from recstream.attribution import MAX_TOKEN_BYTES
from recstream.event_types import EventTypes
from recstream_server.event_log import NewEvent, Receipt
from recstream_server.event_source import EventResult
from recstream_server.event_writer import closed_error, queue_full_error
from recstream_server.interceptors.errors import status_of
from recstream_server.settings import EventSettings, LimitSettings


class NativeEvents:
    """An `EventSource` of the events that the native front takes in: Python sees them a batch at a time.

    Parameters
    ----------
    limits : LimitSettings
    events : EventSettings
    event_types : EventTypes

    Attributes
    ----------
    queue : recstream._transport.EventQueue
    """

    def __init__(self, limits: LimitSettings, events: EventSettings, event_types: EventTypes) -> None:
        from recstream._transport import EventQueue  # noqa: PLC0415 - optional

        self.queue = EventQueue(
            types=[(kind.name, kind.weight, kind.marks_seen, kind.positive_from) for kind in event_types],
            id_bytes=limits.id_bytes,
            token_bytes=MAX_TOKEN_BYTES,
            batch_requests=limits.batch_requests,
            limit=events.queue_limit,
            full=status_of(queue_full_error(events.queue_limit)).SerializeToString(),
            closed=status_of(closed_error()).SerializeToString(),
        )

    @property
    def arrived(self) -> int:
        """Events that were ever queued."""
        return self.queue.arrived

    @property
    def taken(self) -> int:
        """Events that were ever taken."""
        return self.queue.taken

    @property
    def waiting(self) -> int:
        """Events to take."""
        return self.queue.waiting

    def wait(self, timeout_s: float | None) -> None:
        """Return when events wait, after `wake`, or after the time."""
        self.queue.wait(timeout_s)

    def wake(self) -> None:
        """End the wait at hand, or else the next one."""
        self.queue.wake()

    def share(self, others: int) -> None:
        """Hear how many events wait in the writer's own queue."""
        self.queue.share(others)

    def take(self, limit: int) -> list[NewEvent]:
        """Up to `limit` events, in the order of their arrival."""
        return list(map(NewEvent._make, self.queue.take(limit)))

    def complete(self, results: Sequence[EventResult]) -> None:
        """Have the calls answered."""
        self.queue.complete(
            [result[1:] if isinstance(result, Receipt) else status_of(result).SerializeToString() for result in results]
        )

    def close(self) -> None:
        """Refuse all events, those under way too: a writer that hangs must not keep the server from ending."""
        self.queue.close()
