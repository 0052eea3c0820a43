import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recstream_server.event_log import NewEvent, Receipt, SqliteEventLog, StoredEvent, schema

from recstream.errors import AlreadyExistsError, ConfigurationError, UnavailableError

NewEvents = Callable[..., NewEvent]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events.db"


@pytest.fixture
def log(path: Path) -> Iterator[SqliteEventLog]:
    log = SqliteEventLog(path)
    yield log
    log.close()


def versions(results: list[Receipt | AlreadyExistsError]) -> list[int]:
    return [result.state_version for result in results if isinstance(result, Receipt)]


def test_gives_rising_versions_and_keeps_every_field(log: SqliteEventLog, path: Path, new_event: NewEvents) -> None:
    events = [new_event(1, value=2.5, session_id="s"), new_event(2, user_id="", session_id="s"), new_event(3)]
    receipts = log.append(events)
    assert receipts == [Receipt(event.event_id, version, False) for version, event in enumerate(events, 1)]
    assert versions(log.append([new_event(4)])) == [4]
    log.close()
    again = SqliteEventLog(path)
    assert again.last_version() == 4
    assert again.read(0, 10) == [StoredEvent(v, *e) for v, e in enumerate([*events, new_event(4)], 1)]
    again.close()


def test_a_batch_of_none_stores_nothing(log: SqliteEventLog) -> None:
    assert log.append([]) == []
    assert log.last_version() == 0


def test_a_duplicate_gets_the_first_version(log: SqliteEventLog, new_event: NewEvents) -> None:
    first, second = new_event(1), new_event(2)
    assert log.append([first, second, first]) == [
        Receipt("event-1", 1, False),
        Receipt("event-2", 2, False),
        Receipt("event-1", 1, True),
    ]
    assert log.append([second, new_event(3)]) == [Receipt("event-2", 2, True), Receipt("event-3", 3, False)]
    assert [event.version for event in log.read(0, 10)] == [1, 2, 3]


def test_a_retry_stamped_with_another_time_is_a_duplicate(log: SqliteEventLog, new_event: NewEvents) -> None:
    log.append([new_event(1, event_time_us=1)])
    assert log.append([new_event(1, event_time_us=2)]) == [Receipt("event-1", 1, True)]
    assert log.read(0, 1)[0].event_time_us == 1


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": "other"},
        {"session_id": "other"},
        {"item_id": "other"},
        {"event_type": "view"},
        {"value": 0.0},
        {"value": None},
        {"attribution_token": "other"},
        {"attributes": '{"position":1.0}'},
    ],
    ids=str,
)
def test_another_content_under_a_known_id_is_refused_in_its_place(
    log: SqliteEventLog, new_event: NewEvents, change: dict[str, object]
) -> None:
    log.append([new_event(1, value=1.0)])
    for batch in ([new_event(1, **change)], [new_event(2, value=1.0), new_event(2, **change)]):
        results = log.append(batch)
        assert isinstance(results[-1], AlreadyExistsError)
        assert results[-1].reason == "EVENT_ID_REUSED"
        assert batch[-1].event_id in str(results[-1])
    assert [event.value for event in log.read(0, 10)] == [1.0, 1.0]


TEXTS = st.text(alphabet=st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12) | st.sampled_from(
    ["a", "a\0b", "a\0c", "\0", "A", "'; DROP TABLE events; --", "\U0001f3ac", "e\u0301", "\u00e9"]
)
EVENTS = st.builds(
    NewEvent,
    event_id=TEXTS,
    user_id=st.sampled_from(["", "u", "v\0w", "v"]),
    session_id=TEXTS,
    item_id=TEXTS,
    event_type=TEXTS,
    value=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    event_time_us=st.integers(-(2**62), 2**62),
    attribution_token=st.sampled_from(["", "token", "a\0b"]),
    attributes=st.sampled_from(["", "{}", '{"position":1.0}']),
)


@settings(max_examples=60)
@given(batches=st.lists(st.lists(EVENTS, max_size=9), max_size=6))
def test_behaves_like_a_list_without_duplicates(
    tmp_path_factory: pytest.TempPathFactory, batches: list[list[NewEvent]]
) -> None:
    log = SqliteEventLog(tmp_path_factory.mktemp("log") / "events.db", durability="os")
    model: dict[str, StoredEvent] = {}
    for batch in batches:
        for event, result in zip(batch, log.append(batch), strict=True):
            new = event.event_id not in model
            first = model.setdefault(event.event_id, StoredEvent(len(model) + 1, *event))
            if first._replace(event_time_us=0)[1:] == event._replace(event_time_us=0):
                assert result == Receipt(event.event_id, first.version, not new)
            else:
                assert isinstance(result, AlreadyExistsError)
    stored = list(model.values())
    assert log.read(0, 1000) == stored
    assert log.last_version() == len(stored)
    for user in ("u", "v", "v\0w"):
        assert log.read_user(user, None, 1000) == [event for event in reversed(stored) if event.user_id == user]
    log.close()


def test_an_event_of_nobody_never_gets_into_the_log(log: SqliteEventLog, new_event: NewEvents) -> None:
    with pytest.raises(UnavailableError):
        log.append([new_event(1), new_event(2, user_id="", session_id="")])
    assert log.read(0, 10) == []


def test_reads_in_pages(log: SqliteEventLog, new_event: NewEvents) -> None:
    log.append([new_event(number, user_id="ab"[number % 2]) for number in range(10)])
    assert [event.version for event in log.read(3, 4)] == [4, 5, 6, 7]
    assert [event.version for event in log.read(8, 4)] == [9, 10]
    assert log.read(10, 4) == []
    assert [event.version for event in log.read_user("a", None, 3)] == [9, 7, 5]
    assert [event.version for event in log.read_user("a", 5, 3)] == [3, 1]
    assert log.read_user("nobody", None, 3) == []


def test_a_page_is_found_by_the_index_and_needs_no_sort(log: SqliteEventLog, path: Path) -> None:
    query = "SELECT * FROM events WHERE user_id = ? AND version < ? ORDER BY version DESC LIMIT ?"
    plan = apsw.Connection(str(path)).execute(f"EXPLAIN QUERY PLAN {query}", ("u", 5, 5)).fetchall()
    assert [row[3] for row in plan] == ["SEARCH events USING INDEX events_by_user (user_id=? AND rowid<?)"]


def test_reads_beside_a_writer(log: SqliteEventLog, new_event: NewEvents) -> None:
    seen: list[int] = []

    def read() -> None:
        while not seen or seen[-1] < 300:
            events = log.read(0, 1000)
            assert [event.version for event in events] == list(range(1, len(events) + 1))
            seen.append(len(events))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for start in range(0, 300, 10):
        log.append([new_event(number) for number in range(start, start + 10)])
    for reader in readers:
        reader.join()


def test_a_large_batch_is_one_transaction(path: Path, faulty_disk, new_event: NewEvents) -> None:
    log = SqliteEventLog(path, vfs=faulty_disk.name)
    events = [new_event(number) for number in range(5000)]
    before = len(faulty_disk.synced)
    assert versions(log.append(events)) == list(range(1, 5001))
    assert faulty_disk.synced[before:].count("events.db-wal") <= 2  # the commit, and a checkpoint at most
    log.close()


# --- the file ------------------------------------------------------------------------------------------------------


def test_files_are_for_their_owner_only(log: SqliteEventLog, path: Path, new_event: NewEvents) -> None:
    log.append([new_event(1)])
    files = list(path.parent.iterdir())
    assert {file.name for file in files} == {"events.db", "events.db-wal", "events.db-shm"}
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}


def test_a_file_that_is_no_event_log_is_refused(path: Path) -> None:
    path.write_bytes(b"x" * 8192)
    with pytest.raises(ConfigurationError, match=r"events\.db: not an event log, or damaged"):
        SqliteEventLog(path)


@pytest.mark.parametrize("version", [0, 3])
def test_another_format_is_refused(path: Path, version: int) -> None:
    other = apsw.Connection(str(path))
    other.execute(f"CREATE TABLE events (x); PRAGMA user_version = {version}")
    other.close()
    with pytest.raises(ConfigurationError, match=f"format {version}, this server reads format 2"):
        SqliteEventLog(path)


FORMAT_1 = """
CREATE TABLE events (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    value REAL,
    event_time_us INTEGER NOT NULL,
    CHECK (user_id <> '' OR session_id <> '')
) STRICT;
CREATE INDEX events_by_user ON events (user_id);
INSERT INTO events VALUES (1, 'e1', 'u', '', 'i1', 'click', 2.5, 7), (4, 'e4', '', 's', 'i2', 'view', NULL, 9);
PRAGMA user_version = 1;
"""


def test_a_log_of_the_first_format_is_brought_up_to_date(path: Path, new_event: NewEvents) -> None:
    old = apsw.Connection(str(path))
    old.pragma("journal_mode", "wal")
    old.execute(FORMAT_1)
    old.close()
    log = SqliteEventLog(path)
    identity = log.identity()
    assert log.append([new_event(5, attribution_token="token", attributes="{}")]) == [Receipt("event-5", 5, False)]
    log.close()
    again = SqliteEventLog(path)
    assert again.read(0, 9) == [
        StoredEvent(1, "e1", "u", "", "i1", "click", 2.5, 7, "", ""),
        StoredEvent(4, "e4", "", "s", "i2", "view", None, 9, "", ""),
        StoredEvent(5, *new_event(5, attribution_token="token", attributes="{}")),
    ]
    assert again.append([NewEvent("e1", "u", "", "i1", "click", 2.5, 8)]) == [Receipt("e1", 1, True)]
    assert again.identity() == identity
    again.close()


def test_a_log_has_an_identity_of_its_own_and_keeps_it(log: SqliteEventLog, path: Path, tmp_path: Path) -> None:
    assert re.fullmatch("[0-9a-f]{32}", log.identity())
    log.close()
    again, other = SqliteEventLog(path), SqliteEventLog(tmp_path / "other.db")
    assert again.identity() == log.identity() != other.identity()
    again.close()
    other.close()


def test_a_folder_in_place_of_the_file_is_refused(path: Path) -> None:
    path.mkdir()
    with pytest.raises(ConfigurationError, match="cannot be opened"):
        SqliteEventLog(path)


def test_an_old_sqlite_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apsw, "sqlite_lib_version", lambda: "3.51.2")
    with pytest.raises(ConfigurationError, match=r"SQLite 3\.51\.2.*install apsw 3\.51\.3"):
        SqliteEventLog(path)


@pytest.mark.parametrize("settled", [True, False], ids=["settled", "control"])
def test_what_a_killed_process_left_is_synced_before_the_log_opens(
    *, path: Path, tmp_path: Path, faulty_disk, new_event: NewEvents, monkeypatch: pytest.MonkeyPatch, settled: bool
) -> None:
    """A commit that was never synced is in the page cache; a retry must not be told that it is durable."""
    log = SqliteEventLog(path, durability="os")
    log.append([new_event(1)])
    left = tmp_path / "left"
    left.mkdir()
    for suffix in ("", "-wal"):
        (left / f"events.db{suffix}").write_bytes(Path(f"{path}{suffix}").read_bytes())
    log.close()
    if not settled:
        monkeypatch.setattr(schema, "_settle", lambda _connection, _path: None)

    again = SqliteEventLog(left / "events.db", vfs=faulty_disk.name)
    assert again.append([new_event(1)]) == [Receipt("event-1", 1, True)]
    assert (b"event-1" in faulty_disk.durable[str(left / "events.db")]) == settled
    again.close()
