import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recstream_server.snapshots import Snapshot, SnapshotStore, Snapshotter

from recstream._core import Engine

MakeEngine = Callable[..., Engine]
LAST = 10**6


def names(directory: Path) -> list[str]:
    return sorted(file.name for file in directory.iterdir())


def test_keeps_the_last_two_for_their_owner_only(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, "f")
    for version in (9, 10, 200):
        store.save(Snapshot(version, bytes([version])))
    assert names(tmp_path) == ["snapshot-10.bin", "snapshot-200.bin"]
    assert {file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {0o600}
    assert list(store.load(LAST)) == [Snapshot(200, b"\xc8"), Snapshot(10, b"\x0a")]


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "snapshot-x.bin").touch()
    (tmp_path / "snapshot.tmp").touch()
    assert list(SnapshotStore(tmp_path, "f").load(LAST)) == []


def test_a_snapshot_of_another_fold_is_skipped(tmp_path: Path) -> None:
    SnapshotStore(tmp_path, "f").save(Snapshot(1, b"old"))
    store = SnapshotStore(tmp_path, "g")
    store.save(Snapshot(2, b"new"))
    assert list(store.load(LAST)) == [Snapshot(2, b"new")]
    assert list(SnapshotStore(tmp_path, "f").load(LAST)) == [Snapshot(1, b"old")]


def test_a_snapshot_ahead_of_the_log_is_removed_before_its_versions_are_given_again(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, "f")
    store.save(Snapshot(5, b"a"))
    store.save(Snapshot(8, b"b"))
    assert list(store.load(7)) == [Snapshot(5, b"a")]
    assert list(store.load(LAST)) == [Snapshot(5, b"a")]


@settings(max_examples=100)
@given(data=st.data())
def test_a_damaged_snapshot_is_skipped_for_the_one_before(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("state")
    store = SnapshotStore(directory, "f")
    store.save(Snapshot(1, b"older"))
    store.save(Snapshot(2, b"newer, and damaged"))
    file = directory / "snapshot-2.bin"
    content = bytearray(file.read_bytes())
    damage = data.draw(st.sampled_from(["cut", "flip", "grow", "empty"]))
    if damage == "cut":
        del content[data.draw(st.integers(0, len(content) - 1)) :]
    elif damage == "flip":
        content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    elif damage == "grow":
        content += b"x"
    else:
        content.clear()
    file.write_bytes(content)
    assert list(store.load(LAST)) == [Snapshot(1, b"older")]


def test_a_renamed_snapshot_is_skipped(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path, "f")
    store.save(Snapshot(1, b"a"))
    (tmp_path / "snapshot-1.bin").rename(tmp_path / "snapshot-2.bin")
    assert list(store.load(LAST)) == []


def test_a_snapshot_is_synced_before_it_has_its_name_and_the_name_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    real = os.fsync

    def fsync(descriptor: int) -> None:
        steps.append(f"{Path(f'/proc/self/fd/{descriptor}').readlink().name}: {names(tmp_path)}")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    SnapshotStore(tmp_path, "f").save(Snapshot(1, b"a"))
    assert steps == ["snapshot.tmp: ['snapshot.tmp']", f"{tmp_path.name}: ['snapshot-1.bin']"]


class WatchedStore(SnapshotStore):
    """A store that tells when a snapshot is there, and can fail."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, "f")
        self.saved = threading.Semaphore(0)
        self.full = False

    def save(self, snapshot: Snapshot) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().save(snapshot)
        self.saved.release()


def click(version: int) -> tuple[int, str, str, str, float, bool]:
    return version, "user-1", "", f"item-{version % 7}", 1.0, True


def test_takes_a_snapshot_every_so_many_events_and_when_closed(tmp_path: Path, make_engine: MakeEngine) -> None:
    engine, store = make_engine(), WatchedStore(tmp_path)
    snapshotter = Snapshotter(engine, store, every_events=10, interval_s=0.01)
    engine.apply([click(version) for version in range(1, 11)])
    assert store.saved.acquire(timeout=30)
    engine.apply([click(11)])
    snapshotter.close()
    newest = next(store.load(LAST))
    assert newest.version == 11
    restored = make_engine()
    restored.restore(newest.payload)
    assert restored.snapshot() == engine.snapshot()


def test_closes_without_a_snapshot_when_nothing_is_new(tmp_path: Path, make_engine: MakeEngine) -> None:
    Snapshotter(make_engine(), SnapshotStore(tmp_path, "f"), every_events=10).close()
    assert names(tmp_path) == []


def test_what_a_start_read_from_the_log_is_not_read_again_by_the_next(tmp_path: Path, make_engine: MakeEngine) -> None:
    engine = make_engine()
    engine.apply([click(1)])
    Snapshotter(engine, SnapshotStore(tmp_path, "f"), every_events=10, saved_version=0).close()
    assert [snapshot.version for snapshot in SnapshotStore(tmp_path, "f").load(LAST)] == [1]


def test_a_snapshot_that_cannot_be_written_is_tried_again(tmp_path: Path, make_engine: MakeEngine) -> None:
    engine, store = make_engine(), WatchedStore(tmp_path)
    store.full = True
    snapshotter = Snapshotter(engine, store, every_events=1, interval_s=0.01)
    engine.apply([click(1)])
    assert not store.saved.acquire(timeout=0.1)
    store.full = False
    assert store.saved.acquire(timeout=30)
    snapshotter.close()
    assert [snapshot.version for snapshot in store.load(LAST)] == [1]
