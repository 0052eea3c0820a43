"""Events acknowledged a second, bytes an event, and the time of a start, with the real log, writer and engine.

    python benchmarks/event_log.py [--events 1000000] [--seconds 5] [--state DIR] [--json FILE]

The engine has the size of ml-1m (3,706 items, 64 dimensions, 6,040 users); the state folder should be on the disk to
measure. Event ids are random (UUID 4), the costly kind for the log, or begin with the time. Processor time is given
beside wall time, because it does not depend on what else the machine does.
"""

import argparse
import json
import os
import platform
import tempfile
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import structlog
from recstream_server.event_log import NewEvent, SqliteEventLog
from recstream_server.event_source import EventResult
from recstream_server.event_writer import EventWriter
from recstream_server.recovery import recover
from recstream_server.snapshots import Snapshot, SnapshotStore

from recstream._core import Engine, IdTable, UserEncoder
from recstream.event_types import EventTypes

ITEMS, USERS, DIMENSION = 3706, 6040, 64
FILL_BATCH = 2000
TYPES = EventTypes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000, help="in the log, for the start")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each measurement of the writer")
    parser.add_argument("--state", type=Path, help="folder to work in; a temporary one by default")
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "event_log.json")
    arguments = parser.parse_args()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger("warning"))
    with tempfile.TemporaryDirectory(dir=arguments.state) as folder:
        writes = [
            measure_writes(Path(folder), durability, in_flight, make_id, arguments.seconds)
            for durability in ("fsync", "os")
            for in_flight in (1, 64, 1000)
            for make_id in (random_id, timed_id)
        ]
        start = measure_start(Path(folder), arguments.events)
    document = {"command": "python benchmarks/event_log.py", "machine": machine(), "writes": writes, "start": start}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(document, indent=2) + "\n")
    print(arguments.json)


def random_id() -> str:
    return str(uuid.uuid4())


def timed_id() -> str:
    return f"{time.time_ns():016x}-{os.urandom(8).hex()}"


def measure_writes(
    folder: Path, durability: str, in_flight: int, make_id: Callable[[], str], seconds: float
) -> dict[str, Any]:
    """One thread keeps so many events in flight."""
    path = folder / f"{durability}-{in_flight}-{make_id.__name__}.db"
    log = SqliteEventLog(path, durability=durability)  # type: ignore[arg-type]
    writer = EventWriter(log, build_engine(), TYPES)
    window = threading.Semaphore(in_flight)
    latencies: list[float] = []
    processor, begin, number = time.process_time(), time.perf_counter(), 0
    while time.perf_counter() - begin < seconds:
        window.acquire()
        number += 1
        sent = time.perf_counter()

        def complete(_result: EventResult, sent: float = sent) -> None:
            latencies.append(time.perf_counter() - sent)
            window.release()

        writer.submit(event(number, make_id()), complete)
    writer.close(60)
    elapsed, processor = time.perf_counter() - begin, time.process_time() - processor
    log.close()
    p50, p99 = np.percentile(latencies, [50, 99]) * 1e3
    print(
        f"{durability:5} {make_id.__name__:9} {in_flight:4} in flight: {number / elapsed:7.0f} events/s,"
        f" p50 {p50:6.2f} ms, p99 {p99:6.2f} ms, {processor / number * 1e6:4.0f} us of processor an event"
    )
    return {
        "durability": durability,
        "ids": make_id.__name__,
        "in_flight": in_flight,
        "events_per_s": number / elapsed,
        "p50_ms": p50,
        "p99_ms": p99,
        "processor_us_per_event": processor / number * 1e6,
    }


def measure_start(folder: Path, count: int) -> dict[str, float]:
    """Fill a log, then start from it with and without a snapshot."""
    random, path = Random(1), folder / "events.db"
    log = SqliteEventLog(path, durability="os")
    for first in range(0, count, FILL_BATCH):
        log.append(
            [event(number, str(uuid.UUID(int=random.getrandbits(128)))) for number in range(first, first + FILL_BATCH)]
        )
    log.close()
    log, snapshots = SqliteEventLog(path), SnapshotStore(folder, TYPES.fingerprint)
    results = {"events": float(log.last_version()), "bytes_per_event": path.stat().st_size / count}
    for name in ("without_snapshot", "with_snapshot"):
        engine, processor = build_engine(), time.process_time()
        stats = recover(log, engine, TYPES, snapshots)
        results |= {f"{name}_s": stats.seconds, f"{name}_processor_s": time.process_time() - processor}
        snapshots.save(Snapshot(engine.state_version, engine.snapshot()))
    log.close()
    print(", ".join(f"{name} {value:,.2f}" for name, value in results.items()))
    return results


def event(number: int, event_id: str) -> NewEvent:
    """Users and items in no order, so that neither index is written in its own."""
    user, item = number * 7919 % USERS, number * 104_729 % ITEMS
    return NewEvent(event_id, f"user-{user}", "", f"item-{item}", "click", None, 1_700_000_000_000_000 + number)


def build_engine() -> Engine:
    random = np.random.default_rng(1)
    vectors = random.standard_normal((ITEMS, DIMENSION)).astype(np.float32)
    return Engine(
        item_ids=id_table("item", ITEMS),
        item_vectors=vectors,
        item_popularity=np.ones(ITEMS, np.float32),
        user_ids=id_table("user", USERS),
        user_vectors=random.standard_normal((USERS, DIMENSION)).astype(np.float32),
        history=(np.zeros(USERS + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)),
        encoder=UserEncoder.decayed_pooling(vectors, half_life_events=10.0),
    )


def id_table(prefix: str, count: int) -> IdTable:
    names = [f"{prefix}-{number}".encode() for number in range(count)]
    offsets = np.concatenate([[0], np.cumsum([len(name) for name in names])]).astype(np.int64)
    return IdTable(np.frombuffer(b"".join(names), np.uint8), offsets)


def machine() -> dict[str, Any]:
    return {
        "processor": platform.processor() or platform.machine(),
        "cores": len(os.sched_getaffinity(0)),
        "load": os.getloadavg()[0],
        "python": platform.python_version(),
    }


if __name__ == "__main__":
    main()
