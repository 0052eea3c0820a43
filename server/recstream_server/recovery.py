"""Brings the user state back at start: the newest usable snapshot, then the rest of the event log."""

import time
from collections import Counter
from typing import NamedTuple

import structlog

from recstream._core import Engine
from recstream_server.event_log import EventLog, StoredEvent
from recstream_server.event_types import EventTypes
from recstream_server.snapshots import SnapshotStore

_LOGGER = structlog.get_logger(__name__)
_BATCH = 10_000

AppliedEvent = tuple[int, str, str, str, float, bool]
"""An event as `Engine.apply` takes it."""


class RecoveryStats(NamedTuple):
    """What a recovery did."""

    snapshot_version: int
    """State version of the snapshot; 0 when there was none to use."""
    tail_events: int
    """Events read from the log after it."""
    seconds: float


def recover(log: EventLog, engine: Engine, event_types: EventTypes, snapshots: SnapshotStore) -> RecoveryStats:
    """Fold the whole log into a new engine, from a snapshot where there is one.

    A snapshot that is damaged, was made with other event types, or is ahead of the log is skipped with a warning, for
    the one before it, and in the end for the whole log: the result is the same, and takes longer.
    """
    start = time.perf_counter()
    for snapshot in snapshots.load(log.last_version()):
        try:
            engine.restore(snapshot.payload)
            break
        except ValueError as error:
            _LOGGER.warning("snapshot_skipped", version=snapshot.version, problem=str(error))
    restored = engine.state_version
    tail = replay(log, engine, event_types)
    return RecoveryStats(restored, tail, time.perf_counter() - start)


def replay(log: EventLog, engine: Engine, event_types: EventTypes) -> int:
    """Apply what the log has beyond the engine's state version, and return how many events that was.

    Events of a type that is no longer configured count for nothing; they are reported.
    """
    replayed = 0
    unknown: Counter[str] = Counter()
    while events := log.read(engine.state_version, _BATCH):
        unknown.update(event.event_type for event in events if event.event_type not in event_types)
        engine.apply([to_applied(event, event_types) for event in events])
        replayed += len(events)
    if unknown:
        _LOGGER.warning(
            "event_types_unknown", events=dict(unknown), remedy="configure them, or accept that they do not count"
        )
    return replayed


def to_applied(event: StoredEvent, event_types: EventTypes) -> AppliedEvent:
    """What an event does to the state."""
    weight, marks_seen = event_types.resolve(event.event_type, event.value)
    return event.version, event.user_id, event.session_id, event.item_id, weight, marks_seen
