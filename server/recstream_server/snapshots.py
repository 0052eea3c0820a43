"""Snapshots of the user state, so that a start reads the end of the event log only."""

import hashlib
import os
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import structlog

from recstream._core import Engine
from recstream_server.state_directory import sync_directory
from recstream_server.telemetry.steps import Timed, untimed

_LOGGER = structlog.get_logger(__name__)
_FORMAT_VERSION = 1
_MAGIC = b"RECSNAP\n"
_HEADER = struct.Struct("<8sI32sqQ")
"""Magic, format version, fingerprint, state version, payload bytes. SHA-256 of header and payload follows."""
_DIGEST_BYTES = 32
_KEPT = 2


class Snapshot(NamedTuple):
    """The state at some moment."""

    version: int
    """At least that of the last event in it: events may be applied while a snapshot is taken."""
    payload: bytes | memoryview
    """What `Engine.snapshot` returned."""


class SnapshotStore:
    """The snapshots in a state folder: ``snapshot-<version>.bin``, the last two.

    Parameters
    ----------
    directory : Path
    fingerprint : str
        Of everything besides the events that the state depends on; a snapshot with another one is not used.
    """

    def __init__(self, directory: Path, fingerprint: str) -> None:
        self._directory = directory
        self._fingerprint = hashlib.sha256(fingerprint.encode()).digest()

    def save(self, snapshot: Snapshot) -> None:
        """Write a snapshot, durable on return, and remove all but the last two; ``OSError`` when it cannot."""
        head = _HEADER.pack(_MAGIC, _FORMAT_VERSION, self._fingerprint, snapshot.version, len(snapshot.payload))
        temporary = self._directory / "snapshot.tmp"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(head)
            file.write(_digest(head, snapshot.payload))
            file.write(snapshot.payload)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(self._directory / f"snapshot-{snapshot.version}.bin")
        sync_directory(self._directory)
        for old in self._files()[_KEPT:]:
            old.unlink()

    def load(self, last_version: int) -> Iterator[Snapshot]:
        """Yield the usable snapshots, newest first.

        Snapshots above `last_version` are removed: the log lost the events that they stand for (restored from a backup,
        or a power cut under ``durability = "os"``), and will give their versions to other events.
        """
        for file in self._files():
            if _version(file) > last_version:
                _LOGGER.warning("snapshot_removed", file=file.name, problem=f"the event log ends at {last_version}")
                file.unlink()
                continue
            try:
                yield self._read(file)
            except (OSError, _UnusableError) as error:
                _LOGGER.warning("snapshot_skipped", file=file.name, problem=str(error))

    def _files(self) -> list[Path]:
        named = (path for path in self._directory.glob("snapshot-*.bin") if path.stem[len("snapshot-") :].isdecimal())
        return sorted(named, key=_version, reverse=True)

    def _read(self, file: Path) -> Snapshot:
        content = memoryview(file.read_bytes())
        if len(content) < _HEADER.size + _DIGEST_BYTES:
            raise _UnusableError(f"{len(content)} bytes are too few for a snapshot")
        head, payload = content[: _HEADER.size], content[_HEADER.size + _DIGEST_BYTES :]
        magic, format_version, fingerprint, version, length = _HEADER.unpack(head)
        if (magic, format_version) != (_MAGIC, _FORMAT_VERSION):
            raise _UnusableError("not a snapshot, or of another format")
        if len(payload) != length or _digest(head, payload) != content[_HEADER.size :][:_DIGEST_BYTES]:
            raise _UnusableError("damaged")
        if version != _version(file):
            raise _UnusableError(f"renamed: it is of version {version}")
        if fingerprint != self._fingerprint:
            raise _UnusableError("made with other event types or limits of the state")
        return Snapshot(version, payload)


class Snapshotter:
    """Takes snapshots in its own thread, and a last one when closed.

    Parameters
    ----------
    engine : Engine
    store : SnapshotStore
    every_events : int
        Take none before so many events have come since the last.
    interval_s : float
        Take none before so much time has passed since the last.
    saved_version : int, optional
        State version of the last one, so that events read from the log at start count as new; that of the engine by
        default.
    timed : callable, optional
        Times the steps ``snapshot_encode`` and ``snapshot_save``.
    """

    def __init__(
        self,
        engine: Engine,
        store: SnapshotStore,
        *,
        every_events: int,
        interval_s: float = 1.0,
        saved_version: int | None = None,
        timed: Timed = untimed,
    ) -> None:
        self._engine = engine
        self._store = store
        self._every_events = every_events
        self._interval_s = interval_s
        self._saved = engine.state_version if saved_version is None else saved_version
        self._timed = timed
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="snapshotter", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Take a last snapshot if anything has changed. Call it when no more events come."""
        self._closing.set()
        self._thread.join()
        if self._engine.state_version > self._saved:
            self._save()

    def _run(self) -> None:
        while not self._closing.wait(self._interval_s):
            if self._engine.state_version - self._saved >= self._every_events:
                self._save()

    def _save(self) -> None:
        """A snapshot that cannot be written costs time at the next start, and nothing else."""
        with self._timed("snapshot_encode"):
            payload = self._engine.snapshot()
        version = self._engine.state_version
        try:
            with self._timed("snapshot_save"):
                self._store.save(Snapshot(version, payload))
        except OSError as error:
            _LOGGER.warning("snapshot_failed", problem=str(error))
        else:
            self._saved = version
            _LOGGER.info("snapshot_saved", version=version, payload_bytes=len(payload))


class _UnusableError(Exception):
    """A snapshot that is left aside."""


def _version(file: Path) -> int:
    return int(file.stem[len("snapshot-") :])


def _digest(head: bytes | memoryview, payload: bytes | memoryview) -> bytes:
    digest = hashlib.sha256(head)
    digest.update(payload)
    return digest.digest()
