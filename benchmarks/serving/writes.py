"""What events cost and what they cost others: acknowledged, visible, beside reads, for a minute, and with watchers."""

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.serving.catalogues import Catalogue
from benchmarks.serving.contenders import NATIVE, PYTHON, ours
from benchmarks.serving.driver import STREAM, STREAMS, WRITE_STREAM, Load, events, mixed, pairs, queries, run_load
from benchmarks.serving.pauses import SLOW_STEP_MS, Recorder
from benchmarks.serving.processes import ServerProcess
from benchmarks.serving.programs import WORK
from benchmarks.serving.reads import Effort, Record
from benchmarks.serving.watchers import watching

K = 10
DURABILITIES = ("os", "fsync")
EVERY = 20
"""One call in so many is an event: 5%."""
EVENTS_IN_FLIGHT = 256
WATCHERS = 1000
BOTH_CORES = "0,1"
IN_FLIGHT_ON_CORES = 256
BEFORE_READS = {"fold", "notify", "collect", "snapshot_encode"}
BEFORE_VISIBLE = BEFORE_READS | {"commit", "checkpoint"}
"""Steps of the server that reads may wait for, and answers behind events."""
SPARE_CONNECTIONS = 8
"""For an open loop, whose calls pile up while a server pauses."""


@contextmanager
def serving(
    catalogue: Catalogue, plane: str, durability: str, *, cores: str = "0", calls_per_connection: int = 1000
) -> Iterator[ServerProcess]:
    environment = {
        "RECSTREAM_SERVER__EVENTS__DURABILITY": durability,
        "RECSTREAM_SERVER__LOG__SLOW_STEP_MS": str(SLOW_STEP_MS),
        "RECSTREAM_SERVER__LIMITS__CALLS_PER_CONNECTION": str(calls_per_connection),
    }
    with tempfile.TemporaryDirectory(dir=WORK) as folder:  # on the disk of the checkout, not in memory
        command = ours(catalogue, Path(folder) / "state", plane)
        with ServerProcess(command, cores=cores, environment=environment) as server:
            yield server


def measure_visible(catalogue: Catalogue, plane: str, durability: str, effort: Effort) -> list[Record]:
    """Events with queries behind them on streams, as fast as it goes and at half of that; then events alone on one."""
    with serving(catalogue, plane, durability) as server:
        script = pairs(catalogue, K)
        load = {"script": script, "streams": STREAMS, "path": STREAM, "items": K}
        most = run_load(server, Load(**load, seconds=effort.seconds))
        slow = Load(**load, rate=most["per_s"] / 2, seconds=2 * effort.seconds, recorder=Recorder(BEFORE_VISIBLE))
        half = run_load(server, slow)
        alone = run_load(
            server,
            Load(
                script=events(catalogue),
                streams=1,
                path=WRITE_STREAM,
                concurrency=EVENTS_IN_FLIGHT,
                connections=1,
                seconds=effort.seconds,
            ),
        )
    found = {"pairs at most": most, "pairs at half": half, "events on one stream": alone}
    return [{"what": what, "plane": plane, "durability": durability} | figures for what, figures in found.items()]


def measure_steady(catalogue: Catalogue, plane: str, effort: Effort) -> list[Record]:
    """Reads alone, reads with one event in twenty, and these at half of that for long; events survive a power cut."""
    with serving(catalogue, plane, "fsync") as server:
        reads = run_load(server, Load(script=queries(catalogue, K, streamed=False), items=K, seconds=effort.seconds))
        mix = mixed(catalogue, K, EVERY)
        most = run_load(server, Load(script=mix, items=K, seconds=effort.seconds))
        half = run_load(
            server,
            Load(
                script=mix,
                items=K,
                rate=most["per_s"] / 2,
                seconds=effort.steady_s,
                connections=SPARE_CONNECTIONS,
                recorder=Recorder(BEFORE_READS),
            ),
        )
    found = {"reads alone": reads, "reads and events": most, "reads and events at half": half}
    return [{"what": what, "plane": plane, "durability": "fsync"} | figures for what, figures in found.items()]


def measure_watchers(catalogue: Catalogue, plane: str, effort: Effort) -> list[Record]:
    """What a thousand idle watchers hold, and what they take from unary calls: before, with and after them."""
    load = Load(script=queries(catalogue, K, streamed=False), items=K, seconds=effort.seconds)
    with serving(catalogue, plane, "os", calls_per_connection=100) as server:
        before = run_load(server, load)
        with watching(server, catalogue, WATCHERS, K):
            held_kib = 1024 * (server.rss_mib() - before["rss_mib"])
            during = run_load(server, load)
        after = run_load(server, load)
    alone = (before["per_s"] + after["per_s"]) / 2
    record = {
        "what": "watchers",
        "plane": plane,
        "kib_each": held_kib / WATCHERS,
        "slower": alone / during["per_s"] - 1,
    }
    cpu = 2 * during["server_us"] / (before["server_us"] + after["server_us"]) - 1
    return [record | {"slower_by_cpu": cpu, "per_s": during["per_s"]}]


def measure_cores(catalogue: Catalogue, plane: str, effort: Effort) -> list[Record]:
    """One core for the server and one for the load; then both for both, with full batches for each in flight."""
    script = queries(catalogue, 20, streamed=False)
    load = {"script": script, "items": 20, "seconds": effort.seconds, "concurrency": IN_FLIGHT_ON_CORES}
    with serving(catalogue, plane, "os") as server:
        one = run_load(server, Load(**load))
    with serving(catalogue, plane, "os", cores=BOTH_CORES) as server:
        two = run_load(server, Load(**load, cores=BOTH_CORES))
    found = {"one core": one, "two cores": two}
    return [{"what": what, "plane": plane, "catalogue": catalogue.name} | figures for what, figures in found.items()]


def attempts(
    catalogue: Catalogue, large: Catalogue, parts: Sequence[str]
) -> Iterator[tuple[str, Any, tuple[Any, ...]]]:
    """Name, function and arguments but for the effort of each measurement of both planes."""
    for plane in (PYTHON, NATIVE):
        if "events" in parts:
            for durability in DURABILITIES:
                yield f"{plane}, events, {durability}", measure_visible, (catalogue, plane, durability)
        if "steady" in parts:
            yield f"{plane}, steady", measure_steady, (catalogue, plane)
        if "watchers" in parts:
            yield f"{plane}, watchers", measure_watchers, (catalogue, plane)
        if "cores" in parts:
            yield f"{plane}, cores", measure_cores, (large, plane)


def measure_writes(
    catalogue: Catalogue, large: Catalogue, parts: Sequence[str], effort: Effort
) -> Iterator[tuple[list[Record], list[Record]]]:
    """Records and failures of one measurement after the other."""
    failed: set[str] = set()
    for repeat in range(effort.repeats):
        for name, measure, arguments in attempts(catalogue, large, parts):
            if name in failed:
                continue
            try:
                records = measure(*arguments, effort)
            except Exception as error:  # noqa: BLE001 - the others go on
                failed.add(name)
                print(f"  {name} left out: {error}", flush=True)
                yield [], [{"contender": name, "catalogue": arguments[0].name, "why": f"{error}"[:300]}]
            else:
                load = round(os.getloadavg()[0], 2)
                yield [record | {"repeat": repeat, "load": load} for record in records], []
