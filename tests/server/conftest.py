"""A disk that can fail, events, and a small engine."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import apsw
import numpy as np
import pytest
from recstream_server.event_log import NewEvent

from recstream._core import Engine, IdTable, UserEncoder

SECTOR_BYTES = 512


class FaultyDisk(apsw.VFS):
    """The operating system's files, with errors on demand, and a record of what a power cut would leave of them."""

    def __init__(self) -> None:
        self.name = f"faulty-{id(self)}"
        self.write_error: int | None = None
        """SQLite result code that every write fails with."""
        self.sync_error: int | None = None
        """SQLite result code that every sync fails with."""
        self.synced: list[str] = []
        """Names of the files synced, in order."""
        self.durable: dict[str, bytearray] = {}
        """What is on the platters, by path."""
        self.pending: dict[str, list[tuple[int, bytes | None]]] = {}
        """Writes (offset, data) and truncations (size, None) since the last sync, by path."""
        super().__init__(self.name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        file = FaultyFile(self, path, name, flags)
        self.durable.setdefault(path, bytearray(Path(path).read_bytes()))
        self.pending.setdefault(path, [])
        return file

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self.durable.pop(filename, None)
        self.pending.pop(filename, None)

    def cut_power(self, folder: Path, random: Random) -> None:
        """Write the files to `folder` as a power cut might leave them: each unsynced write is kept, lost or torn."""
        folder.mkdir()
        for path, durable in self.durable.items():
            content = bytearray(durable)
            for offset, data in self.pending[path]:
                fate = random.choice(["kept", "lost", "torn"])
                if fate == "kept" or (data is None and fate == "torn"):
                    change(content, offset, data)
                elif fate == "torn" and data is not None:
                    change(content, offset, data[: random.randrange(len(data) + 1) // SECTOR_BYTES * SECTOR_BYTES])
            (folder / Path(path).name).write_bytes(content)


class FaultyFile(apsw.VFSFile):
    """One open file of a `FaultyDisk`."""

    def __init__(self, disk: FaultyDisk, path: str, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        self._path = path
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._disk.write_error is not None:
            raise apsw.exception_for(self._disk.write_error)
        super().xWrite(data, offset)
        self._disk.pending[self._path].append((offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        super().xTruncate(size)
        self._disk.pending[self._path].append((size, None))

    def xSync(self, flags: int) -> None:  # noqa: N802
        """Only noted: the record stands for the platters, and a real sync would make the tests slow."""
        if self._disk.sync_error is not None:
            # The kernel reports a failed write-back once, and then takes the pages for clean.
            self._disk.pending[self._path].clear()
            raise apsw.exception_for(self._disk.sync_error)
        for offset, data in self._disk.pending[self._path]:
            change(self._disk.durable[self._path], offset, data)
        self._disk.pending[self._path].clear()
        self._disk.synced.append(Path(self._path).name)


def change(content: bytearray, offset: int, data: bytes | None) -> None:
    """Write `data` at an offset, or truncate there."""
    if data is None:
        del content[offset:]
        return
    content.extend(bytes(max(0, offset - len(content))))
    content[offset : offset + len(data)] = data


@pytest.fixture
def faulty_disk() -> Iterator[FaultyDisk]:
    disk = FaultyDisk()
    yield disk
    disk.unregister()


@pytest.fixture(scope="session")
def new_event() -> Callable[..., NewEvent]:
    return build_event


@pytest.fixture(scope="session")
def make_engine() -> Callable[..., Engine]:
    return build_engine


def build_event(number: int, **fields: Any) -> NewEvent:
    """An event of its own, with some fields given."""
    event = NewEvent(f"event-{number}", f"user-{number % 5}", "", f"item-{number % 11}", "click", None, number)
    return event._replace(**fields)


def build_engine(items: int = 50, users: int = 10, dimension: int = 8) -> Engine:
    """An engine over random vectors, the same each time, whose users (``user-0`` ...) have no history."""
    random = np.random.default_rng(7)
    vectors = random.standard_normal((items, dimension)).astype(np.float32)
    return Engine(
        item_ids=id_table("item", items),
        item_vectors=vectors,
        item_popularity=np.arange(items, 0, -1, dtype=np.float32),
        user_ids=id_table("user", users),
        user_vectors=random.standard_normal((users, dimension)).astype(np.float32),
        history=(np.zeros(users + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)),
        encoder=UserEncoder.decayed_pooling(vectors, half_life_events=10.0),
        threads=1,
    )


def id_table(prefix: str, count: int) -> IdTable:
    """``prefix-0``, ``prefix-1`` ..."""
    names = [f"{prefix}-{number}".encode() for number in range(count)]
    offsets = np.concatenate([[0], np.cumsum([len(name) for name in names])]).astype(np.int64)
    return IdTable(np.frombuffer(b"".join(names), np.uint8), offsets)
