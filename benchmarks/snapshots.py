"""What a snapshot of the user state costs those who wait beside it: events being applied, and Python.

python -m benchmarks.snapshots [--users 100000 1000000] [--json FILE]

An engine with so many users of four live events each; one thread applies an event every millisecond, as the event
writer does, another one wakes every millisecond and asks for the interpreter, as the event loop does. The longest time
that each of them lost while a snapshot was taken, beside the longest in as much time without one: the rest of it is the
machine's. Each size takes three turns; medians are printed.
"""

import argparse
import json
import os
import platform
import statistics
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from recstream._core import Engine, IdTable, UserEncoder

ITEMS, DIMENSION, EVENTS_A_USER, TURNS = 10_000, 16, 4, 3
BATCH = 10_000
EVERY_S = 0.001
SWITCH_S = 0.001
"""As the server has it."""


def id_table(ids: list[str]) -> IdTable:
    encoded = [text.encode() for text in ids]
    offsets = np.cumsum([0, *map(len, encoded)]).astype(np.int64)
    return IdTable(np.frombuffer(b"".join(encoded), np.uint8), offsets)


def make_engine(users: int) -> Engine:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((ITEMS, DIMENSION), np.float32)
    engine = Engine(
        item_ids=id_table([f"item-{n}" for n in range(ITEMS)]),
        item_vectors=vectors,
        item_popularity=np.ones(ITEMS, np.float32),
        user_vectors=np.empty((0, DIMENSION), np.float32),
        history=(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32)),
        user_ids=id_table([]),
        encoder=UserEncoder.decayed_pooling(vectors, half_life_events=10.0),
    )
    items = rng.integers(0, ITEMS, users * EVENTS_A_USER)
    for first in range(0, len(items), BATCH):
        numbers = range(first, min(first + BATCH, len(items)))
        engine.apply([(n + 1, f"user-{n % users}", "", f"item-{items[n]}", 1.0, True, 0) for n in numbers])
    return engine


class Beside:
    """A thread that does something every millisecond, and the longest that it was late or took."""

    def __init__(self, act: Callable[[], None]) -> None:
        self._act, self._over = act, threading.Event()
        self.longest_ms = 0.0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            begun = time.perf_counter()
            time.sleep(EVERY_S)
            self._act()
            self.longest_ms = max(self.longest_ms, 1e3 * (time.perf_counter() - begun - EVERY_S))

    def close(self) -> float:
        self._over.set()
        self._thread.join()
        return self.longest_ms


def turn(engine: Engine, users: int, work: Callable[[], Any]) -> dict[str, float]:
    """The longest waits while `work` goes on in this thread."""

    def apply() -> None:
        version = engine.state_version + 1
        engine.apply([(version, f"user-{version % users}", "", "item-1", 1.0, True, 0)])

    event, python = Beside(apply), Beside(lambda: None)
    begun, cpu = time.perf_counter(), time.thread_time()
    work()
    took = {"s": time.perf_counter() - begun, "cpu_s": time.thread_time() - cpu}
    return took | {"event_ms": event.close(), "python_ms": python.close()}


def measure(users: int) -> dict[str, Any]:
    engine = make_engine(users)
    snapshots = [turn(engine, users, engine.snapshot) for _ in range(TURNS)]
    nothing = [turn(engine, users, partial(time.sleep, taken["s"])) for taken in snapshots]
    row: dict[str, Any] = {"users": users, "mib": round(len(engine.snapshot()) / 2**20, 1)}
    for name, turns in (("snapshot", snapshots), ("without", nothing)):
        row |= {f"{name}_{key}": round(statistics.median(one[key] for one in turns), 3) for key in turns[0]}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", nargs="+", type=int, default=[100_000, 1_000_000])
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    sys.setswitchinterval(SWITCH_S)
    rows = []
    for users in arguments.users:
        rows.append(measure(users) | {"load": round(os.getloadavg()[0], 2)})
        print(json.dumps(rows[-1]), flush=True)
    if arguments.json:
        machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        document = {"machine": machine, "command": " ".join(sys.argv), "snapshots": rows}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
