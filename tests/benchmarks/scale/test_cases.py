"""Servers of a known size, small ones."""

import argparse
from pathlib import Path

import pytest
from recstream_server.event_log import SqliteEventLog

from benchmarks.scale import __main__ as command
from benchmarks.scale import cases
from benchmarks.serving.catalogues import Catalogue


def test_users_take_turns_in_the_log(tiny: Catalogue, tmp_path: Path) -> None:
    cases.fill(tmp_path / "events.db", tiny, cases.BATCH + 5, 7)
    log = SqliteEventLog(tmp_path / "events.db")
    stored = log.read(0, 10_000)
    log.close()
    assert [event.version for event in stored] == list(range(1, cases.BATCH + 6))
    assert [event.user_id for event in stored] == [f"live-{n % 7}" for n in range(cases.BATCH + 5)]
    assert {event.item_id for event in stored} <= set(tiny.rows_of_items)


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
