"""The event log in one SQLite file."""

import errno
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import TypeVar

import apsw
import structlog

from recstream.errors import AlreadyExistsError, OverloadedError, UnavailableError
from recstream.event_log_format import FORMAT_VERSION
from recstream_server.event_log.checkpoints import Checkpoints
from recstream_server.event_log.protocol import AppendResult, NewEvent, Receipt, StoredEvent
from recstream_server.event_log.schema import Durability, connect, open_reader, open_writer
from recstream_server.telemetry.steps import Timed, untimed

_Row = TypeVar("_Row")
_LOGGER = structlog.get_logger(__name__)
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DISK_RETRY_S = 5.0
_COLUMNS = len(StoredEvent._fields)
_MAX_ROWS = 2048
"""Rows of one statement: the largest power of two below SQLite's 32,766 parameters over the columns."""


class SqliteEventLog:
    """An `EventLog` in one file, in WAL mode, with a connection to write, one to read and one to checkpoint.

    Parameters
    ----------
    path : Path
        Made if it does not exist, with mode 0600. Its folder must be held by a `StateDirectory`.
    durability : {"fsync", "os"}
        Whether an event that was acknowledged survives a power cut, or the end of the process only.
    vfs : str, optional
        Name of a registered SQLite VFS, instead of the operating system's files.
    timed : callable, optional
        Times the step ``checkpoint``.

    Raises
    ------
    ConfigurationError
        The file is not an event log, is damaged, is of another format, or cannot be opened.
    """

    def __init__(
        self, path: Path, *, durability: Durability = "fsync", vfs: str | None = None, timed: Timed = untimed
    ) -> None:
        self._writer = open_writer(path, durability, vfs)
        self._reader = open_reader(path, vfs)
        self._reading = threading.Lock()
        self._checkpoints = Checkpoints(self._writer, connect(path, vfs), timed=timed)
        self._last = int(self._writer.execute("SELECT coalesce(max(seq), 0) FROM sqlite_sequence").get)
        self._identity = str(self._writer.execute("SELECT log_id FROM identity").get)

    def append(self, events: Sequence[NewEvent]) -> list[AppendResult]:
        """Store events in one transaction; durable on return. See `EventLog.append`."""
        with _translated(self._writer):
            known = self._find({event.event_id for event in events})
            fresh: list[StoredEvent] = []
            results = [self._place(event, known, fresh) for event in events]
            self._insert(fresh)
        self._last += len(fresh)
        return results

    def check(self) -> None:
        """Write and sync something that is no event. See `EventLog.check`."""
        with _translated(self._writer):
            self._writer.execute(f"PRAGMA user_version = {FORMAT_VERSION}")

    def read(self, after_version: int, limit: int) -> list[StoredEvent]:
        """Events above a version, oldest first. See `EventLog.read`."""
        return self._select("SELECT * FROM events WHERE version > ? ORDER BY version LIMIT ?", (after_version, limit))

    def read_user(self, user_id: str, before_version: int | None, limit: int) -> list[StoredEvent]:
        """Events of a user, newest first. See `EventLog.read_user`."""
        before = before_version if before_version is not None else self._last + 1
        return self._select(
            "SELECT * FROM events WHERE user_id = ? AND version < ? ORDER BY version DESC LIMIT ?",
            (user_id, before, limit),
        )

    def last_version(self) -> int:
        """The highest version ever given."""
        return self._last

    def identity(self) -> str:
        """Which log this is. See `EventLog.identity`."""
        return self._identity

    def close(self) -> None:
        """Close the file. A failure to tidy up is logged only: what was acknowledged is durable already."""
        # The writer's comes last: the last one to go empties the write-ahead log, and others could be in its way.
        for connection in (self._checkpoints, self._reader, self._writer):
            try:
                connection.close()
            except apsw.Error as error:
                _LOGGER.warning("event_log_close_failed", problem=str(error))

    def _find(self, event_ids: set[str]) -> dict[str, StoredEvent]:
        known: dict[str, StoredEvent] = {}
        for ids in _chunks(list(event_ids)):
            marks = ",".join("?" * _width(len(ids)))
            select = f"SELECT * FROM events WHERE event_id IN ({marks})"  # noqa: S608  (question marks only)
            rows = self._writer.execute(select, _padded(ids, 1))
            known.update((row[1], StoredEvent._make(row)) for row in rows)
        return known

    def _place(self, event: NewEvent, known: dict[str, StoredEvent], fresh: list[StoredEvent]) -> AppendResult:
        """Give an event its version, unless its id is known."""
        first = known.get(event.event_id)
        if first is None:
            stored = StoredEvent(self._last + len(fresh) + 1, *event)
            known[event.event_id] = stored
            fresh.append(stored)
            return Receipt(event.event_id, stored.version, duplicate=False)
        # Without the time: a retry of an event that carries none gets that of its own arrival.
        if first == (first.version, *event._replace(event_time_us=first.event_time_us)):
            return Receipt(event.event_id, first.version, duplicate=True)
        return AlreadyExistsError(
            f"event_id: {event.event_id!r} was used before for another event; give each event its own id"
        )

    def _insert(self, events: list[StoredEvent]) -> None:
        """Insert all or none.

        Many rows go into one statement, and one statement is its own transaction, because each step of SQLite gives up
        the GIL: beside a busy thread, 64 rows in 64 steps between BEGIN and COMMIT took up to 350 ms, in one step 11.
        """
        if len(events) > _MAX_ROWS:
            with self._writer:
                for rows in _chunks(events):
                    self._insert_rows(rows)
        elif events:
            self._insert_rows(events)

    def _insert_rows(self, rows: Sequence[StoredEvent]) -> None:
        marks = ",".join([f"({','.join('?' * _COLUMNS)})"] * _width(len(rows)))
        insert = f"INSERT INTO events SELECT * FROM (VALUES {marks}) WHERE column1 IS NOT NULL"  # noqa: S608  (as above)
        self._writer.execute(insert, _padded(chain.from_iterable(rows), _COLUMNS))

    def _select(self, query: str, values: tuple[str | int, ...]) -> list[StoredEvent]:
        with self._reading, _translated(self._reader):
            return list(map(StoredEvent._make, self._reader.execute(query, values)))


@contextmanager
def _translated(connection: apsw.Connection) -> Iterator[None]:
    """Turn SQLite's errors into ours. SQLite has rolled the statement back by then.

    The connection stays open on purpose. It knows that a transaction whose sync failed is not there, and writes the
    same place of the write-ahead log again. A new connection would read the log back from the page cache, where that
    transaction looks whole although the disk may never have got it.
    """
    try:
        yield
    except apsw.Error as error:
        code = getattr(error, "extendedresult", None)
        _LOGGER.error("event_log_failed", code=code, errno=connection.system_errno)  # noqa: TRY400
        if isinstance(error, apsw.FullError) or (
            isinstance(error, apsw.IOError) and connection.system_errno in _NO_SPACE
        ):
            raise OverloadedError(
                "event log: the disk is full; free space in the server's state folder",
                reason="DISK_FULL",
                retry_after_s=_DISK_RETRY_S,
            ) from error
        raise UnavailableError(
            "event log: the storage failed; see the server's log, and try again later", reason="EVENT_LOG_UNAVAILABLE"
        ) from error


def _chunks(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    return (rows[start : start + _MAX_ROWS] for start in range(0, len(rows), _MAX_ROWS))


def _width(rows: int) -> int:
    """The next power of two: few widths, so that their statements stay prepared. The rest is filled with NULL."""
    return 1 << (rows - 1).bit_length()


def _padded(values: Iterable[object], columns: int) -> list[object]:
    filled = list(values)
    missing = _width(len(filled) // columns) * columns - len(filled)
    return filled + [None] * missing
