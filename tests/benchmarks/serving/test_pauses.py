"""Causes of pauses: from figures that are known, and of a process that is really kept waiting."""

import json
import subprocess
import sys
import time
from collections import Counter

import pytest

from benchmarks.serving.pauses import Moment, Pause, Recorder, Step, causes, explain, merged, slow_steps

MS = 1_000_000


def moments(*, ran: int, waited: int, load: int = 0) -> list[Moment]:
    """Before and after a pause from 10 to 50 ms, with another thread and times long before."""
    first = Moment(8 * MS, Counter(a=5 * MS, b=70 * MS), Counter(a=9 * MS), 3 * MS)
    last = Moment(
        52 * MS, Counter(a=(5 + ran) * MS, b=70 * MS), Counter(a=(9 + waited) * MS, b=2 * MS), (3 + load) * MS
    )
    return [
        Moment(0, Counter(), Counter(), 0),
        first,
        last,
        Moment(99 * MS, Counter(a=10**12), Counter(a=10**12), 10**12),
    ]


@pytest.mark.parametrize(
    ("ran", "waited", "steps", "cause"),
    [
        (2, 30, [], "others had the server's processor"),
        (30, 40, [], "the server's own work"),
        (3, 2, [], "neither ran: the disk, or several of these"),
        (2, 30, [Step("checkpoint", 0, 31 * MS)], "checkpoint"),
        (2, 30, [Step("checkpoint", 0, 29 * MS)], "others had the server's processor"),
        (2, 3, [Step("commit", 12 * MS, 23 * MS), Step("commit", 30 * MS, 45 * MS)], "commit"),
    ],
)
def test_the_cause_is_a_step_or_who_had_the_processor(ran: int, waited: int, steps: list[Step], cause: str) -> None:
    told = explain(Pause(10 * MS, 50 * MS, 3), moments(ran=ran, waited=waited), steps)
    assert (told["cause"], told["ms"], told["answers"]) == (cause, 40, 3)
    assert (told["server_ran_ms"], told["server_waited_ms"], told["window_ms"]) == (ran, waited, 44)


def test_the_load_can_be_kept_waiting_too() -> None:
    told = explain(Pause(10 * MS, 50 * MS, 3), moments(ran=3, waited=2, load=25), [])
    assert (told["cause"], told["load_waited_ms"]) == ("others had the load's processor", 25)


def test_what_was_not_recorded_is_said_to_be_so() -> None:
    assert explain(Pause(0, 30 * MS, 1), [], [])["cause"] == "not recorded"


def test_answers_that_are_late_together_are_one_pause() -> None:
    assert merged([[50, 80], [0, 30], [10, 25], [20, 40], [40, 41]]) == [Pause(0, 41, 4), Pause(50, 80, 1)]
    assert causes([{"cause": "a"}, {"cause": "b"}, {"cause": "b"}]) == "2 b, 1 a"


def test_steps_are_read_from_the_log() -> None:
    line = {"event": "step_slow", "step": "collect", "seconds": 0.25, "timestamp": "2026-01-01T00:00:10.5Z"}
    lines = [json.dumps(line | {"ended_seconds_ago": 0.5}), json.dumps({"event": "draining"})]
    (step,) = slow_steps(lines, wall_less_monotonic=round(1767225600e9))
    assert step.name == "collect"
    assert (step.begun / 1e9, step.ended / 1e9) == pytest.approx((9.75, 10.0))


class Busy:
    """A process that uses as much of a processor as it gets."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
        self.pid = self._process.pid

    def log(self) -> str:
        return ""

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


def test_a_process_that_works_is_seen_to() -> None:
    busy, recorder = Busy(), Recorder({"commit"})
    try:
        with recorder.recording(busy, busy.pid):
            time.sleep(0.1)
            begun = time.monotonic_ns()
            time.sleep(0.3)
            ended = time.monotonic_ns()
            time.sleep(0.1)
    finally:
        busy.stop()
    (told,) = recorder.explained([(begun, ended)])
    assert told["cause"] in ("the server's own work", "others had the server's processor")
    assert told["server_ran_ms"] + told["server_waited_ms"] > 0.5 * told["ms"]
