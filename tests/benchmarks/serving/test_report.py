"""Tables, medians, percentiles, and the page they are written into."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.serving import __main__ as command
from benchmarks.serving.contenders import PYTHON
from benchmarks.serving.driver import figures
from benchmarks.serving.publish import BEGIN, END, publish
from benchmarks.serving.report import medians, read_rows, write_rows


def record(contender: str, repeat: int, per_s: float) -> dict[str, Any]:
    times = {f"query_{name}_ms": per_s / 100 for name in ("p50", "p99", "p999")}
    about = {"catalogue": "tiny", "k": 10, "concurrency": 32, "mode": "unary", "exact": True, "recall": None}
    about |= {"contender": contender, "repeat": repeat, "load": 1.5, "per_s": per_s}
    return about | times | {"server_us": 10.0, "client_busy": 0.25, "rss_mib": 20.0}


def document(**parts: Any) -> dict[str, Any]:
    machine = {"cpu": "A", "cores": 2, "flags": ["f"], "versions": {"python": "3"}}
    return {"commands": ["c"], "machine": machine, "reads": [], "writes": [], "failures": []} | parts


def test_percentiles_are_those_of_the_times_and_shares_those_of_the_answers() -> None:
    told = {"answered": 500, "server_cpu_s": 0.5, "client_cpu_s": 1.0, "problems": {}}
    times = np.arange(1, 100_002, dtype=np.float32)
    made = figures(told, {"query": times, "event": np.empty(0, np.float32)}, 2.0)
    assert (made["per_s"], made["server_us"], made["server_busy"], made["client_busy"]) == (250, 1000, 0.25, 0.5)
    assert made["query_p50_ms"] == pytest.approx(50.001)
    assert made["query_p99_ms"] == pytest.approx(99.001)
    assert made["query_p999_ms"] == pytest.approx(99.901)
    assert made["query_max_ms"] == pytest.approx(100.001)
    assert made["query_over_20_ms"] == 80_001
    assert np.isnan(made["event_p50_ms"])


def test_medians_are_of_numbers_only() -> None:
    found = medians([{"a": 1, "name": "x", "yes": True}, {"a": 9, "name": "y", "yes": False}, {"a": 2.5, "name": "z"}])
    assert found == {"a": 2.5, "name": "x", "yes": True}


def test_the_fastest_comes_first() -> None:
    records = [record("a", 0, 900), record("a", 1, 100), record("a", 2, 200), record("b", 0, 300)]
    rows = read_rows(records)
    assert [row[4:7] for row in rows] == [("b", "300", "3.00"), ("a", "200", "2.00")]
    assert rows[0][-4:] == ("10", "25%", "20", "")


def test_kinds_of_calls_have_rows_of_their_own() -> None:
    names = [f"{kind}_{name}_ms" for kind in ("event", "visible") for name in ("p50", "p99", "p999", "max")]
    times = dict.fromkeys(names, 1.0) | {"event_over_20_ms": 0, "visible_over_20_ms": 3}
    measured = {"what": "pairs", "plane": PYTHON, "durability": "os", "per_s": 5.0, "server_us": 2.0, "problems": {}}
    rows = write_rows([measured | times, {"what": "watchers", "plane": PYTHON}])
    assert [(row[2], row[8]) for row in rows] == [("pairs: event", "0"), ("pairs: visible", "3")]


def test_only_what_is_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    failure = {"contender": "x", "catalogue": "tiny", "why": "it would not"}
    made = document(reads=[record(PYTHON, 0, 100)], failures=[failure])
    publish(made, page)
    first = page.read_text()
    assert first.startswith(f"before\n{BEGIN}\n`c` on A, 2 cores (f); python 3. Load while measuring 1.5 to 1.5")
    assert first.endswith(f"{END}\nafter\n")
    assert "- left out: x over tiny: it would not\n" in first
    assert "old" not in first
    plot = (tmp_path / "serving.svg").read_bytes()
    publish(made, page)
    assert (page.read_text(), (tmp_path / "serving.svg").read_bytes()) == (first, plot)


def test_a_page_without_markers_is_left_alone(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n")
    with pytest.raises(ValueError, match=r"page\.md has no lines"):
        publish(document(), page)
    assert page.read_text() == f"{BEGIN}\n"


def given(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.setattr("sys.argv", ["benchmarks.serving", *arguments])
    return command.parse()


def test_what_is_measured_again_replaces_and_what_is_not_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = tmp_path / "results" / "serving.json"
    first = command.Kept(given(monkeypatch, "--json", str(path)))
    first.add("reads", [record("a", 0, 1), record("b", 0, 2)], [])
    assert path.exists()
    second = command.Kept(given(monkeypatch, "--json", str(path), "--append"))
    second.add("reads", [record("a", 0, 5), record("a", 1, 6)], [{"contender": "c", "catalogue": "tiny", "why": "w"}])
    rates = {(r["contender"], r["repeat"], r["seed"]): r["per_s"] for r in second.whole()["reads"]}
    assert rates == {("a", 0, 1): 5, ("b", 0, 1): 2, ("a", 1, 1): 6}
    assert (len(second.whole()["commands"]), len(second.whole()["failures"])) == (2, 1)


def test_the_goals_name_their_cases_and_contenders(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = given(monkeypatch, "--goals", "--repeats", "2", "--seconds", "1.5", "--steady", "25")
    assert command.choose_effort(arguments) == command.Effort(repeats=2, seconds=1.5, steady_s=25)
    cases = {(case.catalogue, case.k, case.concurrency, case.mode) for case in command.choose_cases(arguments)}
    assert cases == {
        *(("ml-1m", 10, concurrency, mode) for concurrency, mode in ((32, "unary"), (32, "stream"), (1, "unary"))),
        *((name, 20, 32, "unary") for name in ("100k", "1M")),
    }
    small, large = (command.choose_names(arguments, name) for name in ("ml-1m", "1M"))
    assert small is not None
    assert large is not None
    assert {"recstream python", "recstream native", "echo C++"} <= set(small)
    assert not any("HNSW" in name for name in large)
