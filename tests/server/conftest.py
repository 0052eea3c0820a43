"""A disk that can fail, events, a small engine, and a real server in a process of its own."""

import http.client
import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import apsw
import grpc
import numpy as np
import polars as pl
import pytest
from recstream_server.event_log import NewEvent

from recstream._core import Engine, IdTable, UserEncoder
from recstream.bundle import AlsFoldIn, BundleContent, DataRecord, TrainingRecord, write_bundle
from recstream.v1.model_service_pb2_grpc import ModelServiceStub
from recstream.v1.recommendation_service_pb2_grpc import RecommendationServiceStub
from recstream.v1.user_event_service_pb2_grpc import UserEventServiceStub

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
        self.files: list[FaultyFile] = []
        self.lock = threading.RLock()
        """Connections write in threads of their own."""
        super().__init__(self.name, "")

    def xOpen(self, name: str | apsw.URIFilename | None, flags: list[int]) -> apsw.VFSFile:  # noqa: N802
        path = name.filename() if isinstance(name, apsw.URIFilename) else str(name)
        file = FaultyFile(self, path, name, flags)
        with self.lock:
            self.files.append(file)
            self.durable.setdefault(path, bytearray(Path(path).read_bytes()))
            self.pending.setdefault(path, [])
        return file

    def xDelete(self, filename: str, syncdir: bool) -> None:  # noqa: N802
        super().xDelete(filename, syncdir)
        self.durable.pop(filename, None)
        self.pending.pop(filename, None)

    def cut_power(self, left: Path, random: Random, folder: Path) -> None:
        """Write to `left` what a power cut might leave of a folder: each unsynced write is kept, lost or torn."""
        left.mkdir()
        with self.lock:
            for path in (path for path in self.durable if Path(path).parent == folder):
                (left / Path(path).name).write_bytes(self._left_of(path, random))

    def _left_of(self, path: str, random: Random) -> bytes:
        content = bytearray(self.durable[path])
        for offset, data in self.pending[path]:
            fate = random.choice(["kept", "lost", "torn"])
            if fate == "kept" or (data is None and fate == "torn"):
                change(content, offset, data)
            elif fate == "torn" and data is not None:
                change(content, offset, data[: random.randrange(len(data) + 1) // SECTOR_BYTES * SECTOR_BYTES])
        return bytes(content)


class FaultyFile(apsw.VFSFile):
    """One open file of a `FaultyDisk`."""

    def __init__(self, disk: FaultyDisk, path: str, name: str | apsw.URIFilename | None, flags: list[int]) -> None:
        self._disk = disk
        self.path = path
        self.unheard: int | None = None
        """A sync that failed for another one with the same file open, as the kernel will report to this one too."""
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        if self._disk.write_error is not None:
            raise apsw.exception_for(self._disk.write_error)
        with self._disk.lock:
            super().xWrite(data, offset)
            self._disk.pending[self.path].append((offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        with self._disk.lock:
            super().xTruncate(size)
            self._disk.pending[self.path].append((size, None))

    def xSync(self, flags: int) -> None:  # noqa: N802
        """Only noted: the record stands for the platters, and a real sync would make the tests slow."""
        with self._disk.lock:
            self._report_failure()
            for offset, data in self._disk.pending[self.path]:
                change(self._disk.durable[self.path], offset, data)
            self._disk.pending[self.path].clear()
            self._disk.synced.append(Path(self.path).name)

    def _report_failure(self) -> None:
        """The kernel reports a failed write-back once to each that has the file open, and takes the pages for clean."""
        error = self._disk.sync_error
        if error is not None:
            self._disk.pending[self.path].clear()
            for file in self._disk.files:
                if file.path == self.path:
                    file.unheard = error
        error, self.unheard = self.unheard, None
        if error is not None:
            raise apsw.exception_for(error)


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


class ServerProcess:
    """`recstream serve` in a process of its own, and a channel to it."""

    def __init__(self, *arguments: str) -> None:
        command = [str(Path(sys.executable).parent / "recstream"), "serve", "--listen", "127.0.0.1:0", *arguments]
        # A file and no pipe: nobody reads it while the server runs.
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed with the server
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self._log, text=True)
        assert self.process.stdout is not None
        self.ready_line = self.process.stdout.readline()
        self.target = self.ready_line.rpartition(" ")[2].strip()
        # Of no use with TLS: such a test makes its own.
        self.channel = grpc.insecure_channel(self.target)
        self.recommendation = RecommendationServiceStub(self.channel)
        self.user_event = UserEventServiceStub(self.channel)
        self.model = ModelServiceStub(self.channel)

    def stop(self, number: int = signal.SIGTERM, timeout_s: float = 20) -> tuple[int, str, str]:
        """Send a signal; exit code, the rest of standard output, and standard error."""
        self.process.send_signal(number)
        return self.join(timeout_s)

    def join(self, timeout_s: float = 20) -> tuple[int, str, str]:
        out, _ = self.process.communicate(timeout=timeout_s)
        return self.process.returncode, out, self.log()

    def telemetry(self, path: str) -> tuple[int, str]:
        """Status and text of a page of the telemetry endpoint, for which the server needs ``--metrics 127.0.0.1:0``."""
        ready = next(line for line in self.log().splitlines() if '"metrics_ready"' in line)
        connection = http.client.HTTPConnection(json.loads(ready)["address"], timeout=10)
        connection.request("GET", path)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        return response.status, text

    def metrics(self) -> dict[str, float]:
        """All metrics by name and labels."""
        lines = (line for line in self.telemetry("/metrics")[1].splitlines() if not line.startswith("#"))
        return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}

    def log(self) -> str:
        """What the server has logged."""
        self._log.seek(0)
        return self._log.read()

    def close(self) -> None:
        """Kill the process if it still runs, and let go of everything."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()
        self.channel.close()
        self._log.close()


@pytest.fixture(scope="session")
def bundle_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of 200 items ``item-0`` ... and 20 users ``user-0`` ..., each with a history of three items."""
    return build_bundle(tmp_path_factory.mktemp("bundles") / "synthetic")


@pytest.fixture(scope="session")
def server_process() -> Iterator[Callable[..., ServerProcess]]:
    """Starts servers for more than one test, with these arguments."""
    started: list[ServerProcess] = []

    def start(*arguments: str) -> ServerProcess:
        started.append(ServerProcess(*arguments))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture
def start_server(bundle_path: Path, tmp_path: Path) -> Iterator[Callable[..., ServerProcess]]:
    """Starts servers on the state folder ``tmp_path / "state"``, with more arguments where given."""
    started: list[ServerProcess] = []

    def start(*arguments: str) -> ServerProcess:
        started.append(ServerProcess("--bundle", str(bundle_path), "--state", str(tmp_path / "state"), *arguments))
        return started[-1]

    yield start
    for server in started:
        server.close()


@pytest.fixture(scope="session")
def server(bundle_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for all tests that leave it as it is; give each test users of its own."""
    shared = ServerProcess("--bundle", str(bundle_path), "--state", str(tmp_path_factory.mktemp("state")))
    yield shared
    shared.close()


def build_bundle(path: Path, items: int = 200, users: int = 20, dimension: int = 8) -> Path:
    random = np.random.default_rng(11)
    rows = np.stack([random.choice(items, 3, replace=False) for _ in range(users)]).astype(np.int32)
    content = BundleContent(
        name="synthetic-als",
        family="als",
        item_ids=[f"item-{number}" for number in range(items)],
        item_vectors=random.standard_normal((items, dimension)).astype(np.float32),
        item_popularity=np.arange(items, 0, -1, dtype=np.float32),
        user_ids=[f"user-{number}" for number in range(users)],
        user_vectors=random.standard_normal((users, dimension)).astype(np.float32),
        history=(np.arange(0, 3 * users + 1, 3, dtype=np.int64), rows.reshape(-1), np.ones(3 * users, np.float32)),
        encoder=AlsFoldIn(unobserved_weight=0.1, regularization=0.1, regularization_exponent=0.0),
        items=pl.DataFrame(
            {
                "title": [f"Title {number}" for number in range(items)],
                "year": [1900 + number % 100 for number in range(items)],
                "in_stock": [number % 2 == 0 for number in range(items)],
                "genres": [["Drama", f"Genre {number % 5}"] for number in range(items)],
            }
        ),
        metrics={"ndcg@10": 0.25},
        training=TrainingRecord(seed=11, protocol=None, config={}),
        data=DataRecord(name="synthetic", interactions=3 * users, fingerprint="0" * 64),
    )
    write_bundle(path, content)
    return path


@pytest.fixture(scope="session")
def id_tables() -> Callable[[str, int], IdTable]:
    """Ids ``prefix-0``, ``prefix-1`` ..."""
    return id_table
