"""Why an answer took over 20 ms: what the server did, what it waited for, and whether others kept it from a processor.

Beside the load, the times that each thread of the server has run and has been ready to run without a processor
(`/proc/PID/task/*/schedstat`) are read every few milliseconds; the server's own log says which of its steps were slow.
Threads of the server wait for each other as well: only what goes beyond the server's own work is the neighbours'.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence, Set
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol

EVERY_S = 0.004
HALF = 0.5
MOST_TOLD = 100
SLOW_STEP_MS = 5.0
"""What the server is to log: `RECSTREAM_SERVER__LOG__SLOW_STEP_MS`."""


class Watched(Protocol):
    """A server process."""

    @property
    def pid(self) -> int: ...
    def log(self) -> str: ...


class Moment(NamedTuple):
    """Nanoseconds: by the monotonic clock, and what each thread of the server and the load have had until then."""

    at: int
    ran: Counter[str]
    waited: Counter[str]
    load_waited: int


class Step(NamedTuple):
    """A slow step of the server, by the monotonic clock in nanoseconds."""

    name: str
    begun: int
    ended: int


class Pause(NamedTuple):
    """Answers that were under way at once and late: when the first was due, and the last came, in ns."""

    begun: int
    ended: int
    answers: int


class Recorder:
    """Records a server while a load runs, and names the cause of each pause.

    Parameters
    ----------
    awaited : set of str
        Steps of the server that what was late may have waited for: a query alone waits for no commit.
    """

    def __init__(self, awaited: Set[str]) -> None:
        self._awaited = awaited
        self._moments: list[Moment] = []
        self._steps: list[Step] = []

    @contextmanager
    def recording(self, server: Watched, load: int) -> Iterator[None]:
        """Within the context the server is looked at, and the process of the load."""
        over = threading.Event()
        logged = len(server.log())
        thread = threading.Thread(target=self._record, args=(server.pid, load, over))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._steps = list(slow_steps(server.log()[logged:].splitlines(), time.time_ns() - time.monotonic_ns()))

    def _record(self, pid: int, load: int, over: threading.Event) -> None:
        while not over.wait(EVERY_S):
            self._moments.append(moment(pid, load))

    def explained(self, late: Iterable[Sequence[int]]) -> list[dict[str, Any]]:
        """The longest pauses, each with its cause and the figures that it was concluded from."""
        longest = sorted(merged(late), key=lambda pause: pause.begun - pause.ended)[:MOST_TOLD]
        steps = [step for step in self._steps if step.name in self._awaited]
        return [explain(pause, self._moments, steps) for pause in longest]


def moment(pid: int, load: int) -> Moment:
    ran, waited = times_of(pid)
    return Moment(time.monotonic_ns(), ran, waited, times_of(load)[1].total())


def times_of(pid: int) -> tuple[Counter[str], Counter[str]]:
    """How long each thread has run, and been ready to run without a processor."""
    ran: Counter[str] = Counter()
    waited: Counter[str] = Counter()
    if not Path(f"/proc/{pid}/task").exists():
        return ran, waited
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            times, comm = (task / "schedstat").read_text().split(), (task / "comm").read_text().strip()
        except (FileNotFoundError, ProcessLookupError):
            continue  # a thread that has ended
        name = f"{comm} {task.name}"
        ran[name], waited[name] = int(times[0]), int(times[1])
    return ran, waited


def slow_steps(lines: Iterable[str], wall_less_monotonic: int) -> Iterator[Step]:
    """From the server's log, which tells the end of each by the wall's clock."""
    for line in lines:
        if '"step_slow"' in line:
            told = json.loads(line)
            seconds_ago = told.get("ended_seconds_ago", 0.0)
            wall = datetime.fromisoformat(told["timestamp"]).timestamp() - seconds_ago
            ended = round(1e9 * wall) - wall_less_monotonic
            yield Step(told["step"], ended - round(1e9 * told["seconds"]), ended)


def merged(late: Iterable[Sequence[int]]) -> list[Pause]:
    """Answers that were late at the same time are one pause."""
    pauses: list[Pause] = []
    for due, answered in sorted(map(tuple, late)):
        if pauses and due <= pauses[-1].ended:
            last = pauses[-1]
            pauses[-1] = Pause(last.begun, max(last.ended, answered), last.answers + 1)
        else:
            pauses.append(Pause(due, answered, 1))
    return pauses


def explain(pause: Pause, moments: Sequence[Moment], steps: Iterable[Step]) -> dict[str, Any]:
    """The cause: a step of the server that went on for half of the pause, else who had the processor."""
    length = pause.ended - pause.begun
    before = max((m for m in moments if m.at <= pause.begun), key=lambda m: m.at, default=None)
    after = min((m for m in moments if m.at >= pause.ended), key=lambda m: m.at, default=None)
    within = Counter[str]()
    for step in steps:
        within[step.name] += max(0, min(step.ended, pause.ended) - max(step.begun, pause.begun))
    told: dict[str, Any] = {"ms": length / 1e6, "answers": pause.answers}
    told["steps_ms"] = {name: round(time / 1e6, 1) for name, time in within.items() if time}
    if before is None or after is None:
        return told | {"cause": step_of(within, length) or "not recorded"}
    ran, waited = after.ran - before.ran, after.waited - before.waited
    own, longest_wait = ran.total(), max(waited.values(), default=0)
    load_waited = after.load_waited - before.load_waited
    told |= {
        "server_ran_ms": own / 1e6,
        "server_waited_ms": longest_wait / 1e6,
        "load_waited_ms": load_waited / 1e6,
        "window_ms": (after.at - before.at) / 1e6,
    }
    told["busiest"] = {name: round(time / 1e6, 1) for name, time in ran.most_common(3)}
    return told | {"cause": step_of(within, length) or holder(own, longest_wait, load_waited, after.at - before.at)}


def step_of(within: Counter[str], length: int) -> str:
    longest = within.most_common(1)
    return longest[0][0] if longest and longest[0][1] >= HALF * length else ""


def holder(own: int, waited: int, load_waited: int, window: int) -> str:
    """Who had the server's processor, or the load's; `waited` is that of the thread that waited longest."""
    if own >= HALF * window:
        return "the server's own work"
    if waited - own >= HALF * (window - own):
        return "others had the server's processor"
    if load_waited >= HALF * (window - own):
        return "others had the load's processor"
    return "neither ran: the disk, or several of these"


def causes(pauses: Iterable[dict[str, Any]]) -> str:
    """How many pauses each cause has, the most frequent first."""
    counted = Counter(pause["cause"] for pause in pauses)
    return ", ".join(f"{count} {cause}" for cause, count in counted.most_common())
