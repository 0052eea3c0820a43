import threading
import time
from collections.abc import Callable
from pathlib import Path

import apsw
import pytest
from recstream_server.event_log.checkpoints import Checkpoints

PAGE = 4096
PATIENCE_S = 20


def fill(connection: apsw.Connection, pages: int) -> None:
    connection.execute("INSERT INTO t VALUES (randomblob(?))", (pages * PAGE,))


@pytest.fixture
def connections(tmp_path: Path) -> tuple[apsw.Connection, apsw.Connection]:
    path = str(tmp_path / "t.db")
    writer = apsw.Connection(path)
    writer.pragma("journal_mode", "wal")
    writer.execute("CREATE TABLE t (x)")
    return writer, apsw.Connection(path)


def eventually(condition: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < until:
        time.sleep(0.01)
    return condition()


def test_a_long_log_is_copied_by_a_thread_of_its_own(
    connections: tuple[apsw.Connection, apsw.Connection], tmp_path: Path
) -> None:
    writer, _ = connections
    copying: list[str] = []

    class Watched(apsw.Connection):
        def wal_checkpoint(self, dbname: str | None = None, mode: int = 0) -> tuple[int, int]:
            copying.append(threading.current_thread().name)
            return super().wal_checkpoint(dbname, mode)

    checkpoints = Checkpoints(writer, Watched(str(tmp_path / "t.db")), start_pages=50)
    fill(writer, 20)
    fill(writer, 40)
    assert eventually(lambda: (tmp_path / "t.db").stat().st_size > 50 * PAGE)
    assert set(copying) == {"event-checkpoints"}
    checkpoints.close()
    writer.close()


def test_a_writer_that_never_rests_waits_before_the_log_is_too_long(
    connections: tuple[apsw.Connection, apsw.Connection], tmp_path: Path
) -> None:
    writer, other = connections
    checkpoints = Checkpoints(writer, other, start_pages=50, most_pages=200)
    for _ in range(300):
        fill(writer, 10)
    # Most, and the commit that goes beyond it; without the wait it would be 3,000 pages.
    assert (tmp_path / "t.db-wal").stat().st_size < 2 * 200 * (PAGE + 24)
    checkpoints.close()
    writer.close()


def test_a_checkpoint_that_fails_fails_no_commit_and_is_tried_again(
    connections: tuple[apsw.Connection, apsw.Connection], tmp_path: Path
) -> None:
    writer, _ = connections
    failures = 3

    class Failing(apsw.Connection):
        def wal_checkpoint(self, dbname: str | None = None, mode: int = 0) -> tuple[int, int]:
            nonlocal failures
            if failures:
                failures -= 1
                raise apsw.IOError
            return super().wal_checkpoint(dbname, mode)

    checkpoints = Checkpoints(writer, Failing(str(tmp_path / "t.db")), start_pages=1)

    def copied() -> bool:
        fill(writer, 1)
        return (tmp_path / "t.db").stat().st_size > 2 * PAGE

    assert eventually(copied)
    assert failures == 0
    checkpoints.close()
    writer.close()
