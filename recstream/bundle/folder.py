"""A bundle's folder, read below one directory descriptor so that no name can lead out of it."""

import errno
import mmap
import os
import stat
from pathlib import Path
from types import TracebackType

from recstream.errors import BundleError

_OPEN_PROBLEMS = {
    errno.ENOENT: "is missing; copy the bundle again",
    errno.ELOOP: "is a symbolic link; replace it by the file itself",
    errno.EACCES: "may not be read by this user; change its permissions",
}


class BundleFolder:
    """An open bundle folder.

    Its path is the operator's, and may lead through symbolic links; nothing inside it may be one.

    Raises
    ------
    BundleError
        There is no such folder, or it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise BundleError(
                str(path), f"is not a folder that can be read ({error.strerror}); name the folder of a bundle"
            ) from None

    def __enter__(self) -> "BundleFolder":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        os.close(self._descriptor)

    def names(self) -> set[str]:
        """Names of everything in the folder, hidden entries included."""
        return set(os.listdir(self._descriptor))  # noqa: PTH208 - a path could be swapped meanwhile

    def map(self, name: str, *, size_bytes: int | None = None, limit_bytes: int | None = None) -> memoryview:
        """Map a regular file read-only.

        The view stays valid when the folder is closed, renamed or removed. Changing a file in place under a reader is
        not supported: a new version of a bundle is a new folder.

        Parameters
        ----------
        name : str
            An entry of this folder.
        size_bytes : int, optional
            The size that the file must have; checked before anything is read.
        limit_bytes : int, optional
            The largest size to accept.
        """
        descriptor = self._open(name)
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise BundleError(name, "is not a regular file; remove it or copy the bundle again")
            _check_size(name, status.st_size, size_bytes, limit_bytes)
            if status.st_size == 0:
                return memoryview(b"")
            return memoryview(mmap.mmap(descriptor, status.st_size, prot=mmap.PROT_READ))
        except (OSError, ValueError) as error:  # the file shrank between the two calls, or its disk fails
            raise BundleError(name, f"cannot be mapped ({error}); copy the bundle again") from None
        finally:
            os.close(descriptor)

    def _open(self, name: str) -> int:
        # O_NONBLOCK: opening a FIFO that nobody writes to would otherwise wait for ever.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        try:
            return os.open(name, flags, dir_fd=self._descriptor)
        except OSError as error:
            problem = _OPEN_PROBLEMS.get(error.errno or 0, f"cannot be opened ({error.strerror})")
            raise BundleError(name, problem) from None


def _check_size(name: str, size: int, expected: int | None, limit: int | None) -> None:
    if expected is not None and size != expected:
        relation = "truncated" if size < expected else "too long"
        raise BundleError(
            name, f"is {relation}: {size} bytes, where the manifest says {expected}; copy the bundle again"
        )
    if limit is not None and size > limit:
        raise BundleError(name, f"has {size} bytes, more than the {limit} that are accepted")
