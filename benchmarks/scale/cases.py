"""One server of one size: started, looked at, asked."""

import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

import apsw
from recstream_server.event_log import SqliteEventLog

from benchmarks.serving.catalogues import Catalogue, open_catalogue, write_synthetic
from benchmarks.serving.contenders import RECSTREAM
from benchmarks.serving.driver import Load, queries, run_load
from benchmarks.serving.processes import ServerProcess
from benchmarks.serving.programs import WORK
from recstream.event_log_format import SCHEMA

K = 20
SECONDS = 3.0
SHARE = 0.25
"""Of the rate that a closed loop of eight reaches, at which the times of answers are taken."""
BATCH = 100_000
EVENTS_A_USER = 4
PATIENCE_S = 3600.0
"""For a start from ten million events, and for the snapshot of five million users at the end."""
KNOWN_USERS = 10_000
"""Users of the catalogue that events are about, where the number of users is not what grows."""


FILL = """
WITH RECURSIVE series(n) AS (SELECT ?1 UNION ALL SELECT n + 1 FROM series WHERE n + 1 < ?2)
INSERT INTO events
SELECT n + 1, printf('%016x', n), 'live-' || (n % ?3), '', item.id, 'view', NULL, 1000000000000000 + n, '', ''
FROM series CROSS JOIN item ON item.place = (n * 2654435761 % 4294967296) * ?4 / 4294967296
"""
"""Users in turn, items by a multiplicative hash."""
INDEX = next(line for line in SCHEMA.split(";") if "INDEX events_by_user" in line)


def by_items(size: int) -> dict[str, Any]:
    """A catalogue of so many items, no events."""
    path = WORK / f"scale-{size}.bundle"
    if not path.exists():
        write_synthetic(path, size, seed=1)
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        return measure(Catalogue("scale", path, 1), Path(folder) / "state")


def by_users(size: int) -> dict[str, Any]:
    """So many users with four live events each, over ml-1m: state is what grows."""
    return with_events(size * EVENTS_A_USER, size)


def by_events(size: int) -> dict[str, Any]:
    """So many events of ten thousand users, over ml-1m: the log is what grows."""
    return with_events(size, KNOWN_USERS)


def with_events(events: int, users: int) -> dict[str, Any]:
    """Started three times: from the log alone, from the snapshot that the first one left, and then asked."""
    catalogue = open_catalogue("ml-1m", 1)
    with tempfile.TemporaryDirectory(dir=WORK) as folder:
        state = Path(folder) / "state"
        state.mkdir(mode=0o700)
        fill(state / "events.db", catalogue, events, users)
        log_mib = (state / "events.db").stat().st_size / 2**20
        replayed = start(catalogue, state)
        return replayed | {"log_mib": log_mib} | measure(catalogue, state)


def fill(path: Path, catalogue: Catalogue, events: int, users: int) -> None:
    """Events with ids that begin with the time; users in turn, so that each has as many.

    By SQLite alone, with the index of users made at the end: the server's own way took hours for twenty million.
    """
    SqliteEventLog(path, durability="os").close()
    items = catalogue.bundle.item_ids.to_list()
    with contextlib.closing(apsw.Connection(str(path))) as log:
        log.execute("PRAGMA synchronous = OFF; PRAGMA temp_store = MEMORY; DROP INDEX events_by_user")
        log.execute("CREATE TEMP TABLE item (place INTEGER PRIMARY KEY, id TEXT)")
        log.executemany("INSERT INTO item VALUES (?, ?)", enumerate(items))
        for first in range(0, events, BATCH):
            log.execute(FILL, (first, min(first + BATCH, events), users, len(items)))
        log.execute(INDEX)


def served(catalogue: Catalogue, state: Path) -> ServerProcess:
    command = [str(RECSTREAM), "serve", "--bundle", str(catalogue.path), "--state", str(state)]
    return ServerProcess([*command, "--listen", "127.0.0.1:0"], start_s=PATIENCE_S, stop_s=PATIENCE_S)


def start(catalogue: Catalogue, state: Path) -> dict[str, float]:
    """From the log alone; it leaves a snapshot behind."""
    begun = time.perf_counter()
    with served(catalogue, state) as server:
        return {"replay_s": time.perf_counter() - begun, "replay_cpu_s": server.cpu_s()}


def measure(catalogue: Catalogue, state: Path) -> dict[str, Any]:
    begun = time.perf_counter()
    with served(catalogue, state) as server:
        ready_s, ready_cpu_s, ready_mib = time.perf_counter() - begun, server.cpu_s(), server.rss_mib()
        load = {"script": queries(catalogue, K, streamed=False), "items": K, "seconds": SECONDS}
        most = run_load(server, Load(**load, concurrency=8))
        asked = run_load(server, Load(**load, rate=SHARE * most["per_s"]))
    return {
        "start_s": ready_s,
        "start_cpu_s": ready_cpu_s,
        "rss_mib": ready_mib,
        "asked_rss_mib": asked["rss_mib"],
        "most_per_s": most["per_s"],
        "server_us": most["server_us"],
        "p50_ms": asked["query_p50_ms"],
        "p99_ms": asked["query_p99_ms"],
    }
