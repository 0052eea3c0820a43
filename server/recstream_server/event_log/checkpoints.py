"""Empties the write-ahead log into the database beside the writer, whose commits would otherwise wait for it."""

import threading
from typing import Final

import apsw
import structlog

from recstream_server.telemetry.steps import Timed, untimed

_LOGGER = structlog.get_logger(__name__)

START_PAGES: Final = 1000
"""Of the write-ahead log, 4 KiB each: from here on it is emptied while the writer goes on."""
MOST_PAGES: Final = 16_384
"""From here on, 64 MiB, the writer waits: beside one that never rests the log is copied, but never begins anew."""


class Checkpoints:
    """A thread and a connection of its own that copy what was committed.

    A checkpoint inside of a commit, which is SQLite's own way, kept events waiting for two syncs and a thousand pages:
    20 to 50 ms. The write-ahead log begins anew with the first commit that finds all of it copied.

    Parameters
    ----------
    writer : apsw.Connection
        Tells of its commits from now on, instead of checkpointing by itself.
    connection : apsw.Connection
        Another one to the same file; this object closes it.
    start_pages, most_pages : int
        As `START_PAGES` and `MOST_PAGES`.
    timed : callable, optional
        Times the step ``checkpoint``.
    """

    def __init__(
        self,
        writer: apsw.Connection,
        connection: apsw.Connection,
        *,
        start_pages: int = START_PAGES,
        most_pages: int = MOST_PAGES,
        timed: Timed = untimed,
    ) -> None:
        # One that has read nothing takes the file for one without a write-ahead log, and copies nothing.
        connection.pragma("schema_version")
        self._connection = connection
        self._start_pages = start_pages
        self._most_pages = most_pages
        self._timed = timed
        self._wanted = threading.Event()
        self._closed = False
        self._running = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="event-checkpoints", daemon=True)
        self._thread.start()
        writer.set_wal_hook(self._on_commit)

    def close(self) -> None:
        """End the thread, and close its connection."""
        self._closed = True
        self._wanted.set()
        self._thread.join()
        self._connection.close()

    def _on_commit(self, writer: apsw.Connection, _name: str, pages: int) -> int:
        """Hear of a commit, in its thread; the commit stands, whatever becomes of the checkpoint."""
        if pages >= self._most_pages:
            self._checkpoint(writer)
        elif pages >= self._start_pages:
            self._wanted.set()
        return apsw.SQLITE_OK

    def _run(self) -> None:
        while self._wanted.wait() and not self._closed:
            self._wanted.clear()
            self._checkpoint(self._connection)

    def _checkpoint(self, connection: apsw.Connection) -> None:
        with self._running:
            try:
                with self._timed("checkpoint"):
                    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
            except apsw.BusyError:
                return  # the next commit asks again
            except apsw.Error as error:
                # Nothing is lost: it stays in the write-ahead log.
                _LOGGER.warning("event_log_checkpoint_failed", problem=str(error))
