"""Servers of a known size, small ones."""

import argparse
import contextlib
from pathlib import Path

import apsw
import pytest
from recstream_server.event_log import NewEvent, Receipt, SqliteEventLog

from benchmarks.scale import __main__ as command
from benchmarks.scale import cases
from benchmarks.serving.catalogues import Catalogue


def test_users_take_turns_in_a_log_like_any_other(
    monkeypatch: pytest.MonkeyPatch, tiny: Catalogue, tmp_path: Path
) -> None:
    monkeypatch.setattr(cases, "BATCH", 400)
    cases.fill(tmp_path / "events.db", tiny, 1005, 7)
    log = SqliteEventLog(tmp_path / "events.db")
    stored = log.read(0, 10_000)
    of_one = log.read_user("live-3", None, 1000)
    last, identity = log.last_version(), log.identity()
    (receipt,) = log.append([NewEvent("new", "live-3", "", "item-1", "view", None, 1)])
    log.close()
    assert [event.version for event in stored] == list(range(1, 1006))
    assert [event.user_id for event in stored] == [f"live-{n % 7}" for n in range(1005)]
    assert len({event.event_id for event in stored}) == last == 1005
    assert {event.item_id for event in stored} <= set(tiny.rows_of_items)
    assert len({event.item_id for event in stored}) > 300
    assert len(of_one) == 144
    assert isinstance(receipt, Receipt)
    assert (receipt.state_version, len(identity)) == (1006, 32)
    schemas = []
    for folder in ("filled", "fresh"):
        (tmp_path / folder).mkdir()
    cases.fill(tmp_path / "filled" / "events.db", tiny, 3, 1)
    SqliteEventLog(tmp_path / "fresh" / "events.db").close()
    for folder in ("filled", "fresh"):
        with contextlib.closing(apsw.Connection(str(tmp_path / folder / "events.db"))) as log_file:
            schemas.append(sorted(log_file.execute("SELECT name, sql FROM sqlite_schema WHERE sql <> ''")))
    assert schemas[0] == schemas[1]


def test_a_server_is_started_from_the_log_then_from_a_snapshot_and_asked(
    monkeypatch: pytest.MonkeyPatch, tiny: Catalogue
) -> None:
    monkeypatch.setattr(cases, "open_catalogue", lambda name, seed: tiny)
    monkeypatch.setattr(cases, "SECONDS", 0.3)
    monkeypatch.setattr(cases, "KNOWN_USERS", 50)
    cases.WORK.mkdir(parents=True, exist_ok=True)
    found = cases.by_events(300)
    assert {"replay_s", "replay_cpu_s", "start_s", "start_cpu_s", "rss_mib", "log_mib", "p99_ms"} <= set(found)
    assert all(value > 0 for value in found.values())


def test_a_size_that_fails_does_not_keep_the_others_from_theirs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def by_items(size: int) -> dict[str, float]:
        if size == 1:
            raise OSError("no room")
        return {"start_s": size / 2}

    monkeypatch.setitem(command.PARTS, "items", by_items)
    arguments = argparse.Namespace(parts=["items"], items=[1, 2], quick=False)
    (record,) = command.measured(arguments)
    assert (record["part"], record["size"], record["start_s"]) == ("items", 2, 1.0)
    assert "1 items left out: no room" in capsys.readouterr().out
