"""The log when the disk is full, fails, or loses its power."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import apsw
import pytest
from recstream_server.event_log import NewEvent, Receipt, SqliteEventLog, schema

from recstream.errors import ConfigurationError, OverloadedError, RecstreamError, UnavailableError

NewEvents = Callable[..., NewEvent]


@pytest.fixture
def log(tmp_path: Path, faulty_disk):
    log = SqliteEventLog(tmp_path / "events.db", vfs=faulty_disk.name)
    yield log
    log.close()


@pytest.mark.parametrize(
    ("fault", "code", "error", "reason"),
    [
        ("write_error", apsw.SQLITE_FULL, OverloadedError, "DISK_FULL"),
        ("write_error", apsw.SQLITE_IOERR_WRITE, UnavailableError, "EVENT_LOG_UNAVAILABLE"),
        ("sync_error", apsw.SQLITE_IOERR_FSYNC, UnavailableError, "EVENT_LOG_UNAVAILABLE"),
    ],
)
@pytest.mark.parametrize("size", [1, 64, 5000])
def test_a_failure_refuses_all_stores_nothing_and_passes(
    *,
    log: SqliteEventLog,
    faulty_disk,
    new_event: NewEvents,
    fault: str,
    code: int,
    error: type[RecstreamError],
    reason: str,
    size: int,
) -> None:
    log.append([new_event(0)])
    events = [new_event(number) for number in range(1, size + 1)]
    setattr(faulty_disk, fault, code)
    for _ in range(3):
        with pytest.raises(error) as refusal:
            log.append(events)
        assert refusal.value.reason == reason
        with pytest.raises(error):
            log.check()
        assert [event.event_id for event in log.read(0, 10)] == ["event-0"]
        assert log.last_version() == 1
    setattr(faulty_disk, fault, None)
    log.check()
    assert log.append(events) == [Receipt(event.event_id, version, False) for version, event in enumerate(events, 2)]
    assert len(log.read(0, 10_000)) == size + 1


def test_a_failure_names_no_internals(log: SqliteEventLog, faulty_disk, new_event: NewEvents) -> None:
    faulty_disk.write_error = apsw.SQLITE_IOERR_WRITE
    with pytest.raises(UnavailableError) as refusal:
        log.append([new_event(1)])
    assert not any(word in str(refusal.value).lower() for word in ("sqlite", "ioerr", "/", "disk i/o"))


@pytest.mark.parametrize(("durability", "syncs"), [("fsync", True), ("os", False)])
def test_syncs_every_commit_or_leaves_that_to_the_system(
    tmp_path: Path, faulty_disk, new_event: NewEvents, durability: str, syncs: bool
) -> None:
    log = SqliteEventLog(tmp_path / "events.db", durability=durability, vfs=faulty_disk.name)
    log.append([new_event(0)])
    for number in range(1, 20):
        del faulty_disk.synced[:]
        log.append([new_event(number)])
        assert ("events.db-wal" in faulty_disk.synced) == syncs
        del faulty_disk.synced[:]
        log.check()
        assert ("events.db-wal" in faulty_disk.synced) == syncs
    log.close()


SCRIPT = """
import resource, sys
from pathlib import Path
from recstream.errors import OverloadedError
from recstream_server.event_log import NewEvent, SqliteEventLog

log = SqliteEventLog(Path(sys.argv[1]))
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, hard))
refused = number = 0
while refused < 5:
    try:
        log.append([NewEvent(f"event-{number}", "u", "", "i" * 100, "view", None, 0)])
        number += 1
    except OverloadedError as error:
        assert error.reason == "DISK_FULL", error.reason
        assert len(log.read(0, 100_000)) == number == log.last_version()
        refused += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
log.append([NewEvent(f"event-{number}", "u", "", "i", "view", None, 0)])
print(number + 1)
log.close()
"""


def test_survives_the_systems_own_limit_on_space(tmp_path: Path) -> None:
    path = tmp_path / "events.db"
    done = subprocess.run([sys.executable, "-c", SCRIPT, path], capture_output=True, text=True, check=True)
    stored = int(done.stdout.splitlines()[-1])
    assert stored > 10
    log = SqliteEventLog(path)
    assert [event.event_id for event in log.read(0, 100_000)] == [f"event-{number}" for number in range(stored)]
    log.close()


@pytest.mark.parametrize("settled", [True, False], ids=["settled", "control"])
def test_what_a_failed_sync_left_in_the_page_cache_is_durable_before_a_retry_hears_so(
    *, tmp_path: Path, faulty_disk, new_event: NewEvents, monkeypatch: pytest.MonkeyPatch, settled: bool
) -> None:
    log = SqliteEventLog(tmp_path / "events.db", vfs=faulty_disk.name)
    log.append([new_event(0)])
    faulty_disk.sync_error = apsw.SQLITE_IOERR_FSYNC
    with pytest.raises(UnavailableError):
        log.append([new_event(1)])
    faulty_disk.sync_error = None

    # Killed and started again: the new process sees the page cache, and the platters are as they were.
    restarted = tmp_path / "restarted"
    restarted.mkdir()
    for name in ("events.db", "events.db-wal"):
        (restarted / name).write_bytes((tmp_path / name).read_bytes())
        faulty_disk.durable[str(restarted / name)] = bytearray(faulty_disk.durable[str(tmp_path / name)])
    log.close()
    if not settled:
        monkeypatch.setattr(schema, "_settle", lambda _connection, _path: None)
    again = SqliteEventLog(restarted / "events.db", vfs=faulty_disk.name)
    assert again.append([new_event(1)]) == [Receipt("event-1", 2, True)]

    faulty_disk.cut_power(tmp_path / "cut", Random(1), restarted)
    left = SqliteEventLog(tmp_path / "cut" / "events.db")
    assert ("event-1" in [event.event_id for event in left.read(0, 10)]) == settled
    left.close()
    again.close()


def stored_in(path: Path) -> list[str]:
    """Ids of the events left; none in a damaged file, as `os` may leave behind after a failed sync and a power cut."""
    try:
        log = SqliteEventLog(path)
    except ConfigurationError:
        return []
    try:
        return [event.event_id for event in log.read(0, 1_000_000)]
    except UnavailableError:
        return []
    finally:
        log.close()


def lost_in_power_cuts(
    folder: Path, disk, new_event: NewEvents, *, durability: str, seed: int, cuts: int
) -> tuple[int, int]:
    """Append in random batches, cut the power at random, open what is left: how many acknowledged events are gone.

    Some syncs fail on the way: the events of such a batch are not acknowledged, and all that come later must be safe.
    """
    random = Random(seed)
    log = SqliteEventLog(folder / "events.db", durability=durability, vfs=disk.name)
    # So often that cuts and failed syncs meet checkpoints too, and not commits only.
    log._checkpoints._start_pages, log._checkpoints._most_pages = 50, 100
    acknowledged: list[NewEvent] = []
    lost = number = 0
    for cut in range(cuts):
        for _ in range(random.randrange(1, 6)):
            batch = [new_event(number + offset, item_id="i" * 500) for offset in range(random.randrange(1, 30))]
            number += len(batch)
            disk.sync_error = apsw.SQLITE_IOERR_FSYNC if random.random() < 0.2 else None
            try:
                log.append(batch)
            except UnavailableError:
                continue
            acknowledged += batch
        left = folder / f"cut-{cut}"
        disk.cut_power(left, random, folder)
        stored = stored_in(left / "events.db")
        assert len(stored) == len(set(stored))
        lost += len({event.event_id for event in acknowledged} - set(stored))
    disk.sync_error = None
    log.close()
    return len(acknowledged), lost


def check_power_cuts(folder: Path, disk, new_event: NewEvents, *, durability: str, seed: int, cuts: int) -> None:
    acknowledged, lost = lost_in_power_cuts(folder, disk, new_event, durability=durability, seed=seed, cuts=cuts)
    assert acknowledged > cuts
    assert (lost == 0) == (durability == "fsync"), f"{lost} of {acknowledged} acknowledged events are gone"


@pytest.mark.parametrize("durability", ["fsync", "os"], ids=["fsync", "control"])
@pytest.mark.parametrize("seed", range(4))
def test_a_power_cut_takes_nothing_acknowledged(
    tmp_path: Path, faulty_disk, new_event: NewEvents, durability: str, seed: int
) -> None:
    check_power_cuts(tmp_path, faulty_disk, new_event, durability=durability, seed=seed, cuts=50)


@pytest.mark.full
@pytest.mark.parametrize("seed", range(100, 500))
def test_power_cuts_campaign(tmp_path: Path, faulty_disk, new_event: NewEvents, seed: int) -> None:
    check_power_cuts(tmp_path, faulty_disk, new_event, durability="fsync", seed=seed, cuts=50)
