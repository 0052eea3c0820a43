"""Goals of serving: from records with figures that are known to a verdict."""

import math
from typing import Any

import pytest

from benchmarks.serving.contenders import ECHO_AIO, NATIVE, PYTHON
from benchmarks.serving.goals import Findings, Goal, goals


def read(contender: str, repeat: int, per_s: float, server_us: float, **more: Any) -> dict[str, Any]:
    case = {"catalogue": "ml-1m", "k": 10, "concurrency": 32, "mode": "unary", "exact": True, "recall": 1.0}
    figures = {"per_s": per_s, "server_us": server_us, "query_p50_ms": 1.0, "query_p99_ms": 2.0}
    return case | figures | {"contender": contender, "repeat": repeat} | more


def found(document: dict[str, Any], what: str) -> Goal:
    (goal,) = [goal for goal in goals({"reads": [], "writes": [], "failures": []} | document) if goal.what == what]
    return goal


@pytest.mark.parametrize(
    ("measured", "by_processor", "at_most", "state"),
    [
        ([3.0, 1.0, 2.0], [], False, "met"),
        ([1.9, 3.0, 1.0], [], False, "missed"),
        ([2.0, 2.0], [1.9], False, "missed"),
        ([1.9, 1.9], [2.5], False, "missed"),
        ([2.0, 5.0, 1.0], [2.0], True, "met"),
        ([2.1], [], True, "missed"),
        ([], [], False, "not measured"),
        ([1.0, math.nan, 3.0], [], False, "not measured"),
    ],
)
def test_a_goal_is_met_when_the_medians_meet_it(
    measured: list[float], by_processor: list[float], at_most: bool, state: str
) -> None:
    assert Goal("g", 2.0, measured, at_most=at_most, by_processor=by_processor).state == state


def test_a_goal_shows_every_repeat() -> None:
    goal = Goal("g", 0.1, [0.25, -0.031], "%", at_most=True, by_processor=[0.5], note="n")
    assert goal.cells() == ("g", "<= 10.0%", "25.0% / -3.1%", "missed", "50.0%", "n")
    assert Goal("g", 30_000, [41_234.4, 999.5], "").cells()[1:3] == (">= 30,000", "41,234 / 999.50")
    assert Goal("g", 4, []).cells()[2:5] == ("-", "not measured", "-")


def test_ratios_are_of_the_same_repeat_in_rate_and_in_processor_time() -> None:
    reads = [read(PYTHON, 1, 300, 400), read(ECHO_AIO, 0, 500, 200), read(PYTHON, 0, 100, 250)]
    reads += [read(ECHO_AIO, 1, 400, 100), read(ECHO_AIO, 2, 900, 90)]
    goal = found({"reads": reads}, "python, ml-1m, k 10, unary: against the echo of grpc.aio")
    assert goal.measured == [0.2, 0.75]
    assert goal.by_processor == [0.8, 0.25]
    assert goal.state == "missed"


def test_the_peer_is_the_fastest_by_its_median_and_named() -> None:
    case = {"catalogue": "100k", "k": 20}
    rates = {"slow": (50, 60, 70), "lucky": (10, 10, 900), "fast": (100, 90, 110), NATIVE: (2000, 900, 1100)}
    reads = [
        read(name, repeat, rate, 1e6 / rate, **case)
        for name, found in rates.items()
        for repeat, rate in enumerate(found)
    ]
    reads += [read("HNSW", 0, 5000, 10, **case | {"exact": False, "recall": 0.96})]
    assert Findings({"reads": reads}).best_peer("100k", 20, exact=True) == "fast"
    goal = found({"reads": reads}, "native, 100k, k 20, 32 at a time: against the fastest exact peer")
    assert goal.measured == pytest.approx([20, 10, 10])
    assert goal.by_processor == pytest.approx([20, 10, 10])
    assert (goal.state, goal.note) == ("met", "fast, recall 1.000")
    assert found({"reads": reads}, "native, 100k, k 20, 32 at a time: against the HNSW").measured == [0.4]


def test_who_failed_leaves_a_goal_unmeasured() -> None:
    goal = found({"reads": [read(PYTHON, 0, 1, 1)]}, "python, ml-1m, k 10, stream: against the echo of grpc.aio")
    assert goal.state == "not measured"


def test_tails_and_watchers() -> None:
    steady = {"what": "reads and events at half", "plane": PYTHON, "query_p50_ms": 2.0, "query_p999_ms": 10.0}
    steady |= {"query_over_20_ms": 1, "query_max_ms": 33.3, "repeat": 0}
    watchers = {
        "what": "watchers",
        "plane": PYTHON,
        "kib_each": 65.0,
        "slower": 0.05,
        "slower_by_cpu": 0.02,
        "repeat": 0,
    }
    visible = {"what": "pairs at half", "plane": PYTHON, "durability": "os", "per_s": 1234.0, "visible_p99_ms": 2.5}
    document = {"writes": [steady, watchers, visible | {"repeat": 0}]}
    named = steady | {"repeat": 1, "pauses": [{"cause": "checkpoint"}, {"cause": "collect"}, {"cause": "checkpoint"}]}
    both = found({"writes": [steady, named]}, "python, half capacity, 5% events: p99.9 / p50 of reads")
    assert both.note.endswith("; 1 over 20 ms, longest 33 ms (2 checkpoint, 1 collect)")
    tail = found(document, "python, half capacity, 5% events: p99.9 / p50 of reads")
    assert (tail.measured, tail.state, tail.note) == ([5.0], "met", "1 over 20 ms, longest 33 ms")
    assert found(document, "python, 1,000 idle watchers: memory of each").state == "missed"
    assert found(document, "python, 1,000 idle watchers: unary calls slower by").state == "met"
    late = found(document, "python, os: event to visible at half load, p99")
    assert (late.measured, late.state, late.note) == ([2.5], "missed", "at 1,234 pairs a second")
