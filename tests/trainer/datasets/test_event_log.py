"""Reading the log that the real server writes."""

import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recstream_server.event_log import NewEvent, SqliteEventLog
from recstream_trainer.datasets import CleaningRules, Dataset, event_log, load_dataset

from recstream import event_log_format
from recstream.errors import DataError
from recstream.event_types import DEFAULT_EVENT_TYPES, EventType, EventTypes

START_US = 1_700_000_000_000_000


def event(number: int, user: str, item: str, kind: str = "click", value: float | None = None, **more: str) -> NewEvent:
    return NewEvent(f"e{number}", user, more.get("session", ""), item, kind, value, START_US + number)


def write(state: Path, *events: NewEvent) -> str:
    """Write with the server's own log, closed before it is read: one SQLite library at a time in a process."""
    log = SqliteEventLog(state / event_log_format.FILE)
    log.append(events)
    log.close()
    return f"events:{state}"


def weights(dataset: Dataset) -> dict[tuple[str, str], float]:
    rows = dataset.interactions.select("user", "item", "weight").rows()
    return {(dataset.user_ids[user], dataset.item_ids[item]): weight for user, item, weight in rows}


def test_events_become_interactions_with_what_they_weigh(tmp_path: Path) -> None:
    source = write(
        tmp_path,
        event(1, "u", "a", "view"),
        event(2, "u", "a", "purchase"),
        event(3, "u", "b", "rating", 4.0),
        event(4, "v", "b"),
        event(5, "v", "c", "impression"),
        event(6, "", "a", session="s"),
        event(7, "v", "a", "watched"),
        event(8, "v", "c", "impression"),
    )
    dataset = load_dataset(source)
    assert dataset.name == "events"
    assert weights(dataset) == {("u", "a"): 3.5, ("u", "b"): 1.0, ("v", "b"): 1.0}
    assert dataset.interactions["timestamp"].to_list() == [START_US + 2, START_US + 3, START_US + 4]
    steps = dataset.cleaning.steps
    assert (steps[0].name, steps[0].rows_before, steps[0].dropped) == ("a type that has a weight", 8, 3)
    assert steps[0].examples == ("2 of the type impression", "1 of the type watched, which data.event_types lacks")
    assert (steps[1].name, steps[1].dropped) == ("a user and an item", 1)


def test_aversions_are_taken_off(tmp_path: Path) -> None:
    source = write(
        tmp_path,
        event(1, "u", "a", "like"),
        event(2, "u", "a", "hide"),
        event(3, "u", "b", "purchase"),
        event(4, "u", "b", "rating", 1.0),
        event(5, "v", "c", "dislike"),
        event(6, "v", "a", "purchase"),
        event(7, "v", "a", "add_to_cart"),
        event(8, "v", "a", "hide"),
    )
    assert weights(load_dataset(source)) == pytest.approx({("u", "b"): 2.0, ("v", "a"): 3.0})


def test_the_types_are_those_of_the_settings(tmp_path: Path) -> None:
    source = write(tmp_path, event(1, "u", "a", "watched"), event(2, "v", "b", "watched"), event(3, "v", "c"))
    rules = CleaningRules(event_types=EventTypes([EventType("watched", 2.5)]))
    assert weights(load_dataset(source, cleaning=rules)) == {("u", "a"): 2.5, ("v", "b"): 2.5}


@given(
    st.lists(
        st.tuples(
            st.sampled_from([*EventTypes().names, "other"]), st.none() | st.floats(-10, 10) | st.sampled_from([3.0])
        ),
        min_size=1,
    )
)
def test_weights_are_those_of_the_server(events: list[tuple[str, float | None]]) -> None:
    types = EventTypes(DEFAULT_EVENT_TYPES)
    frame = pl.DataFrame(events, schema={"type": pl.String, "value": pl.Float64}, orient="row")
    expected = [types.resolve(kind, value)[0] for kind, value in events]
    assert frame.select(event_log._weight(types))["weight"].to_list() == expected


def test_many_events_are_read_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "_CHUNK", 7)
    source = write(tmp_path, *(event(number, f"u{number % 5}", f"i{number}") for number in range(50)))
    assert load_dataset(source).item_ids == [f"i{number}" for number in range(50)]


def test_attributes_come_from_a_file_or_a_bundle(tmp_path: Path) -> None:
    source = write(tmp_path, event(1, "u", "b"), event(2, "v", "a"))
    (tmp_path / "items.csv").write_text("sku,title\na,Alpha\nb,Beta\n")
    assert load_dataset(source, items=tmp_path / "items.csv").items.rows() == [("Beta",), ("Alpha",)]
    source = write(tmp_path, event(3, "u", "日本語"), event(4, "v", "1"))
    dataset = load_dataset(source, items=Path(__file__).parents[2] / "golden" / "bundle-v1")
    assert dataset.item_ids == ["b", "a", "日本語", "1"]
    assert dataset.items["title"].to_list() == [None, None, "さん", "One"]
    assert dataset.items["genres"].to_list() == [None, None, ["SF", "Komödie"], ["Drama"]]


def test_a_server_that_was_killed_leaves_what_it_acknowledged(tmp_path: Path) -> None:
    """And one that still runs is read beside it: the events are in the write-ahead log only."""
    writer = """
import sys, time
from pathlib import Path
from recstream_server.event_log import NewEvent, SqliteEventLog
log = SqliteEventLog(Path(sys.argv[1]))
log.append([NewEvent(f"e{n}", f"u{n % 3}", "", f"i{n}", "click", None, n) for n in range(30)])
print("written", flush=True)
time.sleep(100)
"""
    path = tmp_path / event_log_format.FILE
    process = subprocess.Popen([sys.executable, "-c", writer, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "written\n"
    wal = tmp_path / f"{event_log_format.FILE}-wal"
    files = path.read_bytes(), wal.read_bytes()
    beside = load_dataset(f"events:{tmp_path}")
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    after = load_dataset(f"events:{tmp_path}")
    assert (path.read_bytes(), wal.read_bytes()) == files, "reading must not move the write-ahead log"
    assert (beside.interactions.height, after.fingerprint) == (30, beside.fingerprint)
    log = SqliteEventLog(path)
    assert log.last_version() == 30
    log.close()


@pytest.mark.parametrize(
    ("events", "message"),
    [
        ([], "the log holds no events yet"),
        ([event(1, "u", "a"), event(2, "v", "a")], "'a' is the only item, of 2 rows read; at least two are needed"),
        ([event(1, "u", "a"), event(2, "u", "b")], "'u' is the only user"),
        ([event(1, "u", "a", "impression")], r"no rows are left .*: of 1 rows read, 1 lacked a type that has a weight"),
    ],
)
def test_too_little_to_learn_from_is_said(tmp_path: Path, events: list[NewEvent], message: str) -> None:
    with pytest.raises(DataError, match=message):
        load_dataset(write(tmp_path, *events))


def test_what_is_no_log_is_refused(tmp_path: Path) -> None:
    source, path = f"events:{tmp_path}", tmp_path / event_log_format.FILE
    with pytest.raises(DataError, match=r"there is no events\.db; name the folder that the server has as --state"):
        load_dataset(source)
    path.write_bytes(b"no database" * 500)
    with pytest.raises(DataError, match=r"events\.db: cannot be read \(file is not a database\)"):
        load_dataset(source)
    path.unlink()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version = 1")
    other.close()
    with pytest.raises(DataError, match="is of format 1, this trainer reads 2"):
        load_dataset(source)
