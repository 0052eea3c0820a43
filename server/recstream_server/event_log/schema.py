"""The file of the SQLite event log: how it is opened, made, checked and refused."""

import os
from pathlib import Path
from typing import Literal

import apsw

from recstream.errors import ConfigurationError
from recstream.event_log_format import FORMAT_VERSION, SCHEMA, UPGRADE_FROM_1
from recstream_server.state_directory import sync_directory

Durability = Literal["fsync", "os"]
"""``fsync``: an acknowledged event survives a power cut. ``os``: it survives the end of the process only."""

_SYNCHRONOUS = {"fsync": "FULL", "os": "NORMAL"}
_OLDEST_SQLITE = (3, 51, 3)
_BUSY_TIMEOUT_MS = 10_000
_CACHE_KIB = 32 * 1024
_WAL_KEPT_BYTES = 16 * 1024 * 1024


def open_writer(path: Path, durability: Durability, vfs: str | None) -> apsw.Connection:
    """Open the log for writing, making it if needed.

    Raises
    ------
    ConfigurationError
        The file is not an event log, is damaged, is of another format, or cannot be opened.
    """
    _require_sqlite()
    try:
        _create_file(path)
        connection = connect(path, vfs)
        connection.execute(f"PRAGMA synchronous = {_SYNCHRONOUS[durability]}")
        connection.execute(f"PRAGMA journal_size_limit = {_WAL_KEPT_BYTES}")
        _require_schema(connection, path)
        _settle(connection, path)
    except (apsw.NotADBError, apsw.CorruptError) as error:
        raise ConfigurationError(f"{path}: not an event log, or damaged; restore it or name another folder") from error
    except (apsw.Error, OSError) as error:
        raise ConfigurationError(f"{path}: cannot be opened ({error}); check the folder and its disk") from error
    return connection


def open_reader(path: Path, vfs: str | None) -> apsw.Connection:
    """Open the log for reading, beside a writer."""
    connection = connect(path, vfs)
    connection.execute("PRAGMA query_only = ON")
    return connection


def _require_sqlite() -> None:
    version = apsw.sqlite_lib_version()
    if tuple(map(int, version.split("."))) < _OLDEST_SQLITE:
        oldest = ".".join(map(str, _OLDEST_SQLITE))
        raise ConfigurationError(f"SQLite {version} can damage its write-ahead log; install apsw {oldest} or newer")


def _create_file(path: Path) -> None:
    """SQLite gives its other files the mode of this one."""
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    sync_directory(path.parent)


def connect(path: Path, vfs: str | None) -> apsw.Connection:
    """A connection to the log, made as all of them are."""
    connection = apsw.Connection(str(path), apsw.SQLITE_OPEN_READWRITE, vfs)
    connection.set_busy_timeout(_BUSY_TIMEOUT_MS)
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    # No piece of an event in a file outside the state folder.
    connection.execute("PRAGMA temp_store = MEMORY")
    return connection


def _require_schema(connection: apsw.Connection, path: Path) -> None:
    version = connection.pragma("user_version")
    empty = not connection.execute("SELECT 1 FROM sqlite_schema").fetchall()
    if version == 0 and empty:
        if connection.pragma("journal_mode", "wal") != "wal":
            raise ConfigurationError(f"{path}: the file system cannot keep a write-ahead log; use a local disk")
        connection.execute(SCHEMA)
    elif version == 1:
        connection.execute(UPGRADE_FROM_1)
    elif version != FORMAT_VERSION:
        raise ConfigurationError(
            f"{path}: format {version}, this server reads format {FORMAT_VERSION}; use the server that wrote it, or"
            " name another folder"
        )


def _settle(connection: apsw.Connection, path: Path) -> None:
    """Move what a killed process left in the write-ahead log into the database, and sync it.

    Without this, an event that was committed but not yet synced when the process was killed would be found in the page
    cache, a retry answered as a duplicate, and a power cut could still take it.
    """
    try:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError as error:
        raise ConfigurationError(f"{path}: another process is reading it; end that one and start again") from error
