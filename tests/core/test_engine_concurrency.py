"""Engine under events and queries at once: what one thread was told, every later answer of any thread reflects."""

import sys
import threading
import time
from collections.abc import Callable, Iterator

import pytest
from threads import run_together

from recstream import _core

ITEMS = 400


@pytest.fixture(autouse=True)
def eager_threads() -> Iterator[None]:
    """Let threads take turns after microseconds, not after five milliseconds."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


class Progress:
    """Counts what readers finish, so that a writer can see to it that they get between its events."""

    def __init__(self) -> None:
        self.count = 0

    def wait(self) -> None:
        """Until one more is finished."""
        before = self.count
        deadline = time.monotonic() + 10
        while self.count == before and time.monotonic() < deadline:
            time.sleep(0)


def test_every_answer_is_of_one_moment_that_was_not_over(make_world) -> None:
    """Event number v is on item v - 1, so an answer of version v must leave out exactly the first v items.

    Its vector must be that of the same moment, which a second engine that stands at v tells.
    """
    world = make_world(items=ITEMS, dimension=16)
    engine, reference = world.engine(), world.engine()
    events = [(v, "new", "visit", f"i{v - 1}", 1.0, True) for v in range(1, 301)]
    expected = {0: reference.recommend(user_id="new", k=ITEMS)}
    for event in events:
        reference.apply([event])
        expected[event[0]] = reference.recommend(user_id="new", k=ITEMS)
    applied = 0
    progress = Progress()
    versions = set()

    def write() -> None:
        nonlocal applied
        for event in events:
            engine.apply([event])
            applied = event[0]
            if applied % 3 == 0:
                progress.wait()

    def read() -> None:
        last = 0
        while last < len(events):
            oldest = applied
            answer = engine.recommend(user_id="new", session_id="visit", k=ITEMS)
            assert answer.state_version >= max(oldest, last)
            last = answer.state_version
            assert answer.rows == expected[last].rows
            assert answer.scores == expected[last].scores
            versions.add(last)
            progress.count += 1

    run_together(write, read, read, read)
    assert len(versions) > 30


def test_writers_with_their_own_users(make_world) -> None:
    """Each thread numbers, applies and checks its events; the lock makes the numbers rise, as the event log does."""
    engine = make_world(items=ITEMS, dimension=16, encoder="pooling").engine(max_sessions=8)
    log = threading.Lock()
    version = 0

    def user(name: str) -> Callable[[], None]:
        def work() -> None:
            nonlocal version
            for item in range(100):
                with log:
                    version += 1
                    mine = version
                    engine.apply([(mine, name, f"visit-{name}-{item}", f"i{item}", 1.0, True)])
                answer = engine.recommend(user_id=name, k=ITEMS)
                assert answer.state_version == mine
                assert set(answer.rows) == set(range(item + 1, ITEMS))

        return work

    run_together(*(user(name) for name in ("a", "b", "c", "d")))
    assert engine.state_version == 400
    assert engine.stats()["users_in_state"] == 4
    assert engine.stats()["sessions_in_state"] == 8


def test_snapshots_beside_writers_are_of_one_version(make_world) -> None:
    """A snapshot at version v is the state that the first v events make, byte for byte."""
    world = make_world()
    engine = world.engine()
    events = [(v, f"user-{v % 7}", f"visit-{v % 3}", f"i{v % 30}", 1.0, v % 2 == 0) for v in range(1, 1001)]
    taken: list[bytes] = []
    progress = Progress()

    def write() -> None:
        for first in range(0, len(events), 10):
            engine.apply(events[first : first + 10])
            engine.recommend(user_id="user-1")
            if first % 50 == 0:
                progress.wait()

    def save() -> None:
        while engine.state_version < len(events):
            taken.append(engine.snapshot())
            progress.count += 1

    run_together(write, save)
    taken = list(dict.fromkeys(map(bytes, taken)))
    assert len(taken) > 10
    for snapshot in taken:
        version = int.from_bytes(snapshot[8:16], "little")
        fresh = world.engine()
        fresh.apply(events[:version])
        assert fresh.snapshot() == snapshot


def test_restores_beside_queries(make_world) -> None:
    """The state changes between two whole ones; no answer mixes them."""
    world = make_world(items=ITEMS)
    engine = world.engine()
    snapshots = []
    for first in (0, 100):
        source = world.engine()
        source.apply([(first + i + 1, "new", "visit", f"i{first + i}", 1.0, True) for i in range(100)])
        snapshots.append(source.snapshot())
    engine.restore(snapshots[0])
    done = threading.Event()

    def switch() -> None:
        try:
            for turn in range(300):
                engine.restore(snapshots[turn % 2])
        finally:
            done.set()

    def read() -> None:
        while not done.is_set():
            answer = engine.recommend(user_id="new", session_id="visit", k=ITEMS)
            seen = set(range(100)) if answer.state_version == 100 else set(range(100, 200))
            assert set(answer.rows) == set(range(ITEMS)) - seen

    run_together(switch, read, read)


@pytest.mark.full
def test_a_long_run_of_everything_at_once(make_world) -> None:
    world = make_world(items=ITEMS, dimension=32, users=50)
    engine = world.engine(max_history=20, max_sessions=5)
    events = [
        (v, f"u{v % 60}", f"visit-{v % 11}", f"i{v * 7 % 450}", float(v % 3), v % 2 == 0) for v in range(1, 600_001)
    ]
    done = threading.Event()

    def write() -> None:
        try:
            for first in range(0, len(events), 3):
                engine.apply(events[first : first + 3])
        finally:
            done.set()

    def read(number: int) -> Callable[[], None]:
        def work() -> None:
            turn = number
            while not done.is_set():
                turn += 1
                user = f"u{turn % 60}"
                answer = engine.recommend(user_id=user, session_id=f"visit-{turn % 11}", k=10)
                assert len(answer.rows) == 10
                engine.similar(f"i{turn % ITEMS}", 5)
                engine.stats()
                engine.user_vector(user_id=user, recent_events=[("i3", 1.0, True)])

        return work

    def save() -> None:
        while not done.is_set():
            world.engine().restore(engine.snapshot())

    run_together(write, save, read(0), read(1), read(2))
    other = world.engine(max_history=20, max_sessions=5)
    other.apply(events)
    assert other.snapshot() == engine.snapshot()
    assert engine.recommend(user_id="u1").fallback == _core.FALLBACK_NONE


def test_a_snapshot_made_beside_events_is_of_one_moment(make_world) -> None:
    """Sessions come and go, users change again and again, unknown items appear: whatever a snapshot was taken amid,
    the events after its version make of it the state that all events make."""
    world = make_world()
    options = {"max_sessions": 300, "max_history": 20}
    engine = world.engine(**options)

    def event(version: int) -> tuple[int, str, str, str, float, bool]:
        user, session = f"u{version * 7919 % 3000}", f"s{version * 104_729 % 1000}"
        item = f"i{version % 30}" if version % 5 else f"alien{version}"
        return version, user, session if version % 3 else "", item, 1.0, version % 2 == 0

    events = [event(version) for version in range(1, 12_001)]
    # Enough that one snapshot takes many steps.
    engine.apply(events[:6000])
    snapshots: list[memoryview] = []
    over = threading.Event()
    progress = Progress()

    def write() -> None:
        for first in range(6000, len(events), 20):
            engine.apply(events[first : first + 20])
            if first % 600 == 0:
                progress.wait()
        over.set()

    def take() -> None:
        while not over.is_set():
            snapshots.append(engine.snapshot())
            progress.count += 1

    run_together(write, take, take)
    whole = engine.snapshot()
    versions = {int.from_bytes(snapshot[8:16], "little") for snapshot in snapshots}
    assert len(versions) > 5
    for snapshot in snapshots[:: max(1, len(snapshots) // 12)]:
        restored = world.engine(**options)
        restored.restore(snapshot)
        assert restored.snapshot() == snapshot
        restored.apply(events[restored.state_version :])
        assert restored.snapshot() == whole
