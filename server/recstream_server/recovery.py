"""Brings the user state back at start: the newest usable snapshot, then the rest of the event log."""

import time
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

import structlog

from recstream._core import Engine
from recstream.event_types import EventTypes
from recstream_server.event_log import EventLog, StoredEvent
from recstream_server.event_log.protocol import unix_seconds
from recstream_server.snapshots import SnapshotStore

_LOGGER = structlog.get_logger(__name__)
_BATCH = 10_000

AppliedEvent = tuple[int, str, str, str, float, bool, int]
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
    types: Counter[str] = Counter()
    while events := log.read(engine.state_version, _BATCH):
        engine.apply(to_applied(events, event_types))
        replayed += len(events)
        types.update(event.event_type for event in events)
    if unknown := {name: count for name, count in types.items() if name not in event_types}:
        _LOGGER.warning(
            "event_types_unknown", events=unknown, remedy="configure them, or accept that they do not count"
        )
    return replayed


def to_applied(events: Iterable[StoredEvent], event_types: EventTypes) -> list[AppliedEvent]:
    """What events do to the state."""
    return [
        (version, user_id, session_id, item_id, *event_types.resolve(event_type, value), unix_seconds(event_time_us))
        for version, _, user_id, session_id, item_id, event_type, value, event_time_us, *_ in events
    ]
