"""The folder that holds everything a server remembers; one server at a time."""

import fcntl
import os
from pathlib import Path

from recstream import event_log_format
from recstream.errors import ConfigurationError


class StateDirectory:
    """Makes the folder if needed (mode 0700), and holds its lock until closed or until the process ends, however.

    Parameters
    ----------
    path : Path

    Raises
    ------
    ConfigurationError
        The folder cannot be made or written to, or another server holds it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            sync_directory(path.parent)
            self._lock = os.open(path / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise ConfigurationError(
                f"state folder {path}: {error.strerror}; name a folder that this user can write to"
            ) from error
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = os.pread(self._lock, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._lock)
            raise ConfigurationError(
                f"state folder {path} is in use by another server (process {holder}); stop it, or name another folder"
            ) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    @property
    def events_file(self) -> Path:
        """Where the event log is."""
        return self.path / event_log_format.FILE

    def close(self) -> None:
        """Let another server have the folder; harmless when repeated."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def sync_directory(path: Path) -> None:
    """Make the names in a folder durable: a new or renamed file survives a power cut only after this."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
