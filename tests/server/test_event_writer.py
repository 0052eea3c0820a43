import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recstream_server.event_log import NewEvent, Receipt, SqliteEventLog
from recstream_server.event_source import EventResult
from recstream_server.event_writer import Completion, EventWriter, complete_all
from recstream_server.recovery import replay

from recstream._core import Engine
from recstream.errors import AlreadyExistsError, OverloadedError, UnavailableError
from recstream.event_types import EventTypes

NewEvents = Callable[..., NewEvent]
WAIT_S = 30.0


class GatedLog(SqliteEventLog):
    """A log whose commits can be held up, and that keeps the sizes of its batches."""

    def __init__(self, path: Path, **options: str) -> None:
        super().__init__(path, **options)
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self.batches: list[int] = []

    def append(self, events: Sequence[NewEvent]) -> list[Receipt | AlreadyExistsError]:
        self.batches.append(len(events))
        self.entered.release()
        assert self.gate.wait(WAIT_S)
        return super().append(events)


class Results:
    """Collects what events complete with."""

    def __init__(self) -> None:
        self.results: list[EventResult] = []
        self._more = threading.Condition()

    def __call__(self, result: EventResult) -> None:
        with self._more:
            self.results.append(result)
            self._more.notify_all()

    def wait(self, count: int) -> list[EventResult]:
        with self._more:
            assert self._more.wait_for(lambda: len(self.results) >= count, WAIT_S)
            return list(self.results)


@pytest.fixture
def log(tmp_path: Path, faulty_disk) -> Iterator[GatedLog]:
    log = GatedLog(tmp_path / "events.db", vfs=faulty_disk.name)
    yield log
    log.close()


@pytest.fixture
def engine(make_engine: Callable[..., Engine]) -> Engine:
    return make_engine()


@pytest.fixture
def make_writer(log: GatedLog, engine: Engine) -> Iterator[Callable[..., EventWriter]]:
    made: list[EventWriter] = []

    def make(**options: object) -> EventWriter:
        made.append(EventWriter(log, engine, EventTypes(), **options))
        return made[-1]

    yield make
    log.gate.set()
    for writer in made:
        assert writer.close(WAIT_S)


def fold(log: SqliteEventLog, engine: Engine) -> bytes:
    """The state of a fresh engine after the whole log."""
    replay(log, engine, EventTypes())
    return engine.snapshot()


def test_acknowledges_after_commit_and_state_and_notice(
    log: GatedLog, engine: Engine, make_writer: Callable[..., EventWriter], new_event: NewEvents
) -> None:
    order: list[object] = []
    done = threading.Event()

    def complete(result: EventResult) -> None:
        order.append((result, log.last_version(), engine.state_version))
        done.set()

    writer = make_writer(on_applied=[lambda pairs: order.append((set(pairs), engine.state_version))])
    writer.submit(new_event(1, session_id="s"), complete)
    assert done.wait(WAIT_S)
    assert order == [({("user-1", "s")}, 1), (Receipt("event-1", 1, False), 1, 1)]


def test_what_queues_up_during_a_commit_shares_the_next(
    log: GatedLog, make_writer: Callable[..., EventWriter], new_event: NewEvents
) -> None:
    delivered: list[int] = []

    def deliver(completions: list[Completion]) -> None:
        delivered.append(len(completions))
        complete_all(completions)

    writer = make_writer(batch_limit=20, deliver=deliver)
    results = Results()
    log.gate.clear()
    writer.submit(new_event(0), results)
    assert log.entered.acquire(timeout=WAIT_S)
    for number in range(1, 51):
        writer.submit(new_event(number), results)
    assert writer.queued == 50
    log.gate.set()
    assert [result.state_version for result in results.wait(51)] == list(range(1, 52))
    assert log.batches == delivered == [1, 20, 20, 10]


def test_a_full_queue_refuses_and_never_blocks(
    log: GatedLog, make_writer: Callable[..., EventWriter], new_event: NewEvents
) -> None:
    writer = make_writer(queue_limit=3)
    results = Results()
    log.gate.clear()
    writer.submit(new_event(0), results)
    assert log.entered.acquire(timeout=WAIT_S)
    for number in range(1, 4):
        writer.submit(new_event(number), results)
    with pytest.raises(OverloadedError, match="3 events are waiting") as refusal:
        writer.submit(new_event(4), results)
    assert refusal.value.retry_after_s > 0
    log.gate.set()
    assert len(results.wait(4)) == 4
    assert log.last_version() == 4


def test_events_submitted_together_share_a_commit_as_far_as_there_is_room(
    log: GatedLog, make_writer: Callable[..., EventWriter], new_event: NewEvents
) -> None:
    writer = make_writer(queue_limit=5)
    results = Results()
    log.gate.clear()
    writer.submit(new_event(0), results)
    assert log.entered.acquire(timeout=WAIT_S)
    writer.submit_each([(new_event(number), results) for number in range(1, 8)])
    assert [type(result) for result in results.results] == [OverloadedError] * 2
    log.gate.set()
    assert [result.state_version for result in results.wait(8)[2:]] == list(range(1, 7))
    assert log.batches == [1, 5]
    assert writer.close(WAIT_S)
    late = Results()
    writer.submit_each([(new_event(9), late)])
    assert isinstance(late.results[0], UnavailableError)


def test_close_completes_what_was_accepted_and_refuses_the_rest(
    log: GatedLog, make_writer: Callable[..., EventWriter], new_event: NewEvents
) -> None:
    writer = make_writer(batch_limit=2)
    results = Results()
    log.gate.clear()
    for number in range(9):
        writer.submit(new_event(number), results)
    assert not writer.close(0.01)
    with pytest.raises(UnavailableError, match="shutting down") as refusal:
        writer.submit(new_event(9), results)
    assert refusal.value.reason == "SHUTTING_DOWN"
    log.gate.set()
    assert writer.close(WAIT_S)
    assert len(results.results) == 9


def test_duplicates_and_conflicts_touch_nobody_else_and_change_no_state(
    log: GatedLog,
    engine: Engine,
    make_engine: Callable[..., Engine],
    make_writer: Callable[..., EventWriter],
    new_event: NewEvents,
) -> None:
    noticed: list[set[tuple[str, str]]] = []
    writer = make_writer(on_applied=[lambda pairs: noticed.append(set(pairs))])
    results = Results()
    writer.submit(new_event(1), results)
    results.wait(1)
    before = engine.snapshot()
    writer.submit(new_event(1), results)
    writer.submit(new_event(1, item_id="item-9"), results)
    duplicate, conflict = results.wait(3)[1:]
    assert duplicate == Receipt("event-1", 1, True)
    assert isinstance(conflict, AlreadyExistsError)
    assert engine.snapshot() == before
    assert noticed == [{("user-1", "")}]
    writer.submit(new_event(2), results)
    results.wait(4)
    assert engine.snapshot() == fold(log, make_engine())


@settings(max_examples=25)
@given(
    copies=st.lists(st.integers(1, 4), min_size=1, max_size=80),
    batch_limit=st.integers(1, 20),
    seed=st.integers(0, 2**32),
)
def test_duplicates_and_disorder_leave_one_of_each_and_the_state_of_the_log(
    *,
    tmp_path_factory: pytest.TempPathFactory,
    make_engine: Callable[..., Engine],
    new_event: NewEvents,
    copies: list[int],
    batch_limit: int,
    seed: int,
) -> None:
    random = Random(seed)
    kinds = [("click", None), ("rating", 1.0), ("rating", 5.0), ("hide", None), ("impression", None)]
    events = []
    for number in range(len(copies)):
        event_type, value = random.choice(kinds)
        session = f"session-{number % 3}"
        user = f"user-{number % 4}" if number % 5 else ""
        events.append(new_event(number, event_type=event_type, value=value, user_id=user, session_id=session))
    sent = [event for event, count in zip(events, copies, strict=True) for _ in range(count)]
    random.shuffle(sent)
    log = SqliteEventLog(tmp_path_factory.mktemp("log") / "events.db", durability="os")
    engine, results = make_engine(), Results()
    writer = EventWriter(log, engine, EventTypes(), batch_limit=batch_limit)
    for event in sent:
        writer.submit(event, results)
    receipts = results.wait(len(sent))
    assert writer.close(WAIT_S)
    assert sum(not receipt.duplicate for receipt in receipts) == len(events)
    stored = log.read(0, 1000)
    assert sorted(event[1:] for event in stored) == sorted(map(tuple, events))
    places = {event.event_id: event.version for event in stored}
    assert all(places[receipt.event_id] == receipt.state_version for receipt in receipts)
    assert engine.snapshot() == fold(log, make_engine())
    log.close()


def test_eight_threads_share_commits_and_each_keeps_its_order(
    log: GatedLog,
    engine: Engine,
    make_engine: Callable[..., Engine],
    make_writer: Callable[..., EventWriter],
    new_event: NewEvents,
) -> None:
    writer = make_writer()
    each = 250

    def write(thread: int) -> None:
        results = Results()
        for number in range(each):
            writer.submit(new_event(thread * each + number, user_id=f"user-{thread}"), results)
            if number % 25 == 24:
                results.wait(number + 1)
        versions = [result.state_version for result in results.wait(each)]
        assert versions == sorted(versions)

    threads = [threading.Thread(target=write, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(log.batches) == 8 * each
    assert len(log.batches) < 8 * each / 2
    for thread in range(8):
        events = log.read_user(f"user-{thread}", None, each + 1)
        assert [event.event_time_us for event in events] == list(range((thread + 1) * each - 1, thread * each - 1, -1))
    assert engine.snapshot() == fold(log, make_engine())


@pytest.mark.parametrize(
    ("fault", "code", "error"),
    [
        ("write_error", apsw.SQLITE_FULL, OverloadedError),
        ("write_error", apsw.SQLITE_IOERR_WRITE, UnavailableError),
        ("sync_error", apsw.SQLITE_IOERR_FSYNC, UnavailableError),
    ],
)
def test_a_failing_disk_applies_nothing_says_so_and_passes(
    *,
    log: GatedLog,
    engine: Engine,
    make_engine: Callable[..., Engine],
    make_writer: Callable[..., EventWriter],
    new_event: NewEvents,
    faulty_disk,
    fault: str,
    code: int,
    error: type[Exception],
) -> None:
    changes: list[bool] = []
    came_back = threading.Event()

    def on_available(available: bool) -> None:
        changes.append(available)
        if available:
            came_back.set()

    writer = make_writer(on_available=on_available)
    results = Results()
    writer.submit(new_event(0), results)
    results.wait(1)
    before = engine.snapshot()

    setattr(faulty_disk, fault, code)
    for number in range(1, 9):
        writer.submit(new_event(number), results)
    refused = results.wait(9)[1:]
    assert all(isinstance(result, error) for result in refused)
    assert len(set(map(id, refused))) == len(refused)
    assert engine.snapshot() == before
    assert len(log.read(0, 100)) == 1
    assert not writer.available

    setattr(faulty_disk, fault, None)
    assert came_back.wait(WAIT_S), "without any event the writer must find out by itself that the disk is back"
    assert writer.available
    assert changes == [False, True]
    for number in range(9):
        writer.submit(new_event(number), results)
    assert [result.duplicate for result in results.wait(18)[9:]] == [True] + [False] * 8
    assert engine.snapshot() == fold(log, make_engine())


@pytest.mark.parametrize("durability", ["fsync", "os"], ids=["fsync", "control"])
def test_a_failed_sync_is_never_acknowledged(
    *,
    tmp_path: Path,
    faulty_disk,
    make_engine: Callable[..., Engine],
    new_event: NewEvents,
    durability: str,
) -> None:
    """The control does not sync, so the same check finds events that were acknowledged and not synced."""
    log = SqliteEventLog(tmp_path / "events.db", durability=durability, vfs=faulty_disk.name)
    log.append([new_event(0)])  # the first commit of a file is synced in any case
    writer = EventWriter(log, make_engine(), EventTypes(), batch_limit=3)
    results = Results()
    faulty_disk.sync_error = apsw.SQLITE_IOERR_FSYNC
    for number in range(1, 21):
        writer.submit(new_event(number), results)
    acknowledged = sum(isinstance(result, Receipt) for result in results.wait(20))
    assert (acknowledged == 0) == (durability == "fsync")
    faulty_disk.sync_error = None
    assert writer.close(WAIT_S)
    log.close()


class BrokenOnce:
    """An engine that fails to apply one batch, after the log has it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.broken = True

    def apply(self, events: Sequence[tuple[int, str, str, str, float, bool]]) -> None:
        if self.broken:
            self.broken = False
            raise MemoryError
        self.engine.apply(events)

    @property
    def state_version(self) -> int:
        return self.engine.state_version


def test_state_that_fell_behind_the_log_catches_up_before_anything_is_acknowledged(
    log: GatedLog, engine: Engine, make_engine: Callable[..., Engine], new_event: NewEvents
) -> None:
    writer = EventWriter(log, BrokenOnce(engine), EventTypes())
    results = Results()
    writer.submit(new_event(1), results)
    assert isinstance(results.wait(1)[0], UnavailableError)
    assert log.last_version() == 1
    assert engine.state_version == 0
    writer.submit(new_event(1), results)
    assert results.wait(2)[1] == Receipt("event-1", 1, True)
    assert engine.state_version == 1
    assert writer.close(WAIT_S)
    assert engine.snapshot() == fold(log, make_engine())


def test_a_callback_that_fails_harms_no_event(make_writer: Callable[..., EventWriter], new_event: NewEvents) -> None:
    def fail(_: object) -> None:
        raise RuntimeError

    writer = make_writer(on_applied=[fail, fail], on_available=fail)
    results = Results()
    writer.submit(new_event(1), fail)
    writer.submit(new_event(2), results)
    assert results.wait(1) == [Receipt("event-2", 2, False)]
