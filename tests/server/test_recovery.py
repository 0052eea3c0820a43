from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import numpy as np
import pytest
from recstream_server import recovery
from recstream_server.event_log import NewEvent, SqliteEventLog
from recstream_server.recovery import recover, replay
from recstream_server.snapshots import Snapshot, SnapshotStore

from recstream._core import Engine
from recstream.event_types import DEFAULT_EVENT_TYPES, EventTypes

MakeEngine = Callable[..., Engine]
NewEvents = Callable[..., NewEvent]
TYPES = EventTypes()


@pytest.fixture
def log(tmp_path: Path) -> Iterator[SqliteEventLog]:
    log = SqliteEventLog(tmp_path / "events.db", durability="os")
    yield log
    log.close()


@pytest.fixture
def snapshots(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(tmp_path, TYPES.fingerprint)


def fill(log: SqliteEventLog, new_event: NewEvents, count: int, seed: int = 5) -> None:
    """Store events of many kinds, of users known and unknown, and of sessions."""
    random = Random(seed)
    first = log.last_version()
    log.append(
        [
            new_event(
                number,
                user_id=random.choice(["", "user-1", "user-2", "user-3", "stranger"]),
                session_id=f"session-{random.randrange(3)}",
                item_id=f"item-{random.randrange(60)}",
                event_type=random.choice(TYPES.names),
                value=random.choice([None, 1.0, 4.0]),
            )
            for number in range(first, first + count)
        ]
    )


def answers(engine: Engine) -> list[tuple[object, ...]]:
    """What everybody would see, to the bit."""
    seen: list[tuple[object, ...]] = []
    for user_id, session_id in [*((f"user-{n}", "") for n in range(5)), ("stranger", ""), ("", "session-1")]:
        answer = engine.recommend(user_id=user_id, session_id=session_id, k=20)
        scores = np.array(answer.scores, np.float32).tobytes()
        seen.append((answer.item_ids, scores, answer.state_version, answer.fallback))
    return seen


def test_an_empty_log_leaves_an_engine_as_it_is(
    log: SqliteEventLog, snapshots: SnapshotStore, make_engine: MakeEngine
) -> None:
    engine = make_engine()
    before = engine.snapshot()
    stats = recover(log, engine, TYPES, snapshots)
    assert (stats.snapshot_version, stats.tail_events) == (0, 0)
    assert stats.seconds >= 0
    assert engine.snapshot() == before


@pytest.mark.parametrize("batch", [7, 10_000])
def test_snapshot_and_tail_give_the_state_and_answers_of_the_whole_log(
    *,
    log: SqliteEventLog,
    snapshots: SnapshotStore,
    make_engine: MakeEngine,
    new_event: NewEvents,
    monkeypatch: pytest.MonkeyPatch,
    batch: int,
) -> None:
    monkeypatch.setattr(recovery, "_BATCH", batch)
    live = make_engine()
    fill(log, new_event, 300)
    assert replay(log, live, TYPES) == 300
    snapshots.save(Snapshot(300, live.snapshot()))
    fill(log, new_event, 100)
    assert replay(log, live, TYPES) == 100

    recovered, refolded = make_engine(), make_engine()
    stats = recover(log, recovered, TYPES, snapshots)
    assert (stats.snapshot_version, stats.tail_events) == (300, 100)
    assert replay(log, refolded, TYPES) == 400
    assert recovered.state_version == live.state_version == 400
    assert recovered.snapshot() == refolded.snapshot() == live.snapshot()
    assert answers(recovered) == answers(refolded) == answers(live)


def spoil(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ("damaged", "snapshot_version"),
    [((), 200), ((200,), 100), ((100,), 200), ((100, 200), 0)],
    ids=str,
)
def test_damaged_snapshots_cost_time_only(
    *,
    tmp_path: Path,
    log: SqliteEventLog,
    snapshots: SnapshotStore,
    make_engine: MakeEngine,
    new_event: NewEvents,
    damaged: tuple[int, ...],
    snapshot_version: int,
) -> None:
    live = make_engine()
    for version in (100, 200, 300):
        fill(log, new_event, 100)
        replay(log, live, TYPES)
        if version < 300:
            snapshots.save(Snapshot(version, live.snapshot()))
    for version in damaged:
        spoil(tmp_path / f"snapshot-{version}.bin")
    recovered = make_engine()
    stats = recover(log, recovered, TYPES, snapshots)
    assert (stats.snapshot_version, stats.tail_events) == (snapshot_version, 300 - snapshot_version)
    assert recovered.snapshot() == live.snapshot()
    assert answers(recovered) == answers(live)


def test_a_whole_file_that_the_engine_refuses_is_skipped(
    log: SqliteEventLog, snapshots: SnapshotStore, make_engine: MakeEngine, new_event: NewEvents
) -> None:
    fill(log, new_event, 20)
    snapshots.save(Snapshot(20, b"not a state"))
    recovered, live = make_engine(), make_engine()
    assert recover(log, recovered, TYPES, snapshots)[:2] == (0, 20)
    replay(log, live, TYPES)
    assert recovered.snapshot() == live.snapshot()


def test_a_log_that_lost_its_end_takes_no_state_from_it(
    tmp_path: Path, log: SqliteEventLog, snapshots: SnapshotStore, make_engine: MakeEngine, new_event: NewEvents
) -> None:
    """As after a power cut without sync: the snapshot knows of events that the log has lost."""
    ahead = make_engine()
    with_more = SqliteEventLog(tmp_path / "longer.db", durability="os")
    fill(with_more, new_event, 50)
    replay(with_more, ahead, TYPES)
    with_more.close()
    snapshots.save(Snapshot(50, ahead.snapshot()))

    fill(log, new_event, 40)
    first, second, live = make_engine(), make_engine(), make_engine()
    assert recover(log, first, TYPES, snapshots)[:2] == (0, 40)
    fill(log, new_event, 40, seed=6)
    assert recover(log, second, TYPES, snapshots)[:2] == (0, 80)
    replay(log, live, TYPES)
    assert second.snapshot() == live.snapshot()


def test_another_table_of_event_types_means_folding_anew(
    tmp_path: Path, log: SqliteEventLog, snapshots: SnapshotStore, make_engine: MakeEngine, new_event: NewEvents
) -> None:
    fill(log, new_event, 50)
    live = make_engine()
    replay(log, live, TYPES)
    snapshots.save(Snapshot(50, live.snapshot()))
    fewer = EventTypes(DEFAULT_EVENT_TYPES[1:])
    recovered, refolded = make_engine(), make_engine()
    assert recover(log, recovered, fewer, SnapshotStore(tmp_path, fewer.fingerprint))[:2] == (0, 50)
    replay(log, refolded, fewer)
    assert recovered.snapshot() == refolded.snapshot() != live.snapshot()
    assert recovered.state_version == 50
