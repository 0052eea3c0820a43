"""Searches a second by the number of threads that ask at once, and what one asker waits.

    python -m benchmarks.shared_scan [--against CHECKOUT] [--rounds 3] [--seconds 2] [--json FILE]

Every caller asks one query after another, k = 100, and verifies nothing: tests/core does. With `--against` another
checkout, built, takes turns with this one in processes of their own, which is how a change is judged. Processor time a
query is given beside wall time, because it does not depend on what else the machine does.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

K, DIMENSION, QUERIES = 100, 64, 4096
ITEMS = (100_000, 1_000_000)
KINDS = ("skewed", "equal")
CALLERS = (1, 2, 8, 32)
HERE = Path(__file__).resolve().parents[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", type=Path, help="root of another checkout, with its core built")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each checkout; medians count")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=KINDS)
    parser.add_argument("--items", nargs="+", type=int, default=ITEMS)
    parser.add_argument("--json", type=Path, default=Path(__file__).parent / "results" / "shared_scan.json")
    parser.add_argument("--worker", nargs=2, metavar=("KIND", "ITEMS"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        kind, items = arguments.worker
        print(json.dumps(measure(kind, int(items), arguments.seconds)))
        return
    checkouts = {"this": HERE} | ({"against": arguments.against.resolve()} if arguments.against else {})
    cases = [compare(checkouts, kind, items, arguments) for kind in arguments.kinds for items in arguments.items]
    document = {"command": " ".join(["python -m benchmarks.shared_scan", *sys.argv[1:]]), "cores": os.cpu_count()}
    arguments.json.parent.mkdir(parents=True, exist_ok=True)
    arguments.json.write_text(json.dumps(document | {"cases": cases}, indent=2) + "\n")
    print(arguments.json)


def compare(checkouts: dict[str, Path], kind: str, items: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Let the checkouts take turns on one catalogue."""
    runs: dict[str, list[dict[str, dict[str, float]]]] = {name: [] for name in checkouts}
    for turn in range(arguments.rounds):
        for name in sorted(checkouts, reverse=turn % 2 == 1):
            command = [sys.executable, __file__, "--worker", kind, str(items), "--seconds", str(arguments.seconds)]
            done = subprocess.run(
                command, env=os.environ | {"PYTHONPATH": str(checkouts[name])}, stdout=subprocess.PIPE, check=True
            )
            runs[name].append(json.loads(done.stdout))
    case: dict[str, Any] = {"kind": kind, "items": items, "load": os.getloadavg()[0]}
    for name in checkouts:
        case[name] = {callers: medians([run[callers] for run in runs[name]]) for callers in runs[name][0]}
        for callers, figures in case[name].items():
            print(
                f"{items:9,} {kind:6} {name:7} {callers:>2} callers: {figures['queries_per_s']:8,.0f} queries/s,"
                f" p50 {figures['p50_ms']:7.3f} ms, p99 {figures['p99_ms']:7.3f} ms,"
                f" {figures['processor_us']:6.0f} us of processor a query, {figures['queries_per_pass']:4.1f} a pass"
            )
    return case


def medians(figures: list[dict[str, float]]) -> dict[str, float]:
    return {name: statistics.median(run[name] for run in figures) for name in figures[0]}


def measure(kind: str, items: int, seconds: float) -> dict[str, dict[str, float]]:
    from benchmarks.topk.vectors import synthetic  # noqa: PLC0415  # of the checkout that is measured, as the core is
    from recstream._core import ExactIndex  # noqa: PLC0415

    data = synthetic(kind, items, QUERIES, DIMENSION, seed=1)
    index = ExactIndex(data.vectors)
    index.search(data.queries[:64], K)
    return {str(callers): ask(index, data.queries, callers, seconds) for callers in CALLERS}


def ask(index: Any, queries: Any, callers: int, seconds: float) -> dict[str, float]:
    """Let so many threads ask for so long."""
    latencies: list[list[float]] = [[] for _ in range(callers)]
    ready = threading.Barrier(callers + 1)

    def call(number: int) -> None:
        query = number * len(queries) // callers
        ready.wait()
        while (sent := time.perf_counter()) < deadline:
            index.search(queries[query : query + 1], K)
            latencies[number].append(time.perf_counter() - sent)
            query = (query + 1) % len(queries)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    before, processor, begin = index.stats(), time.process_time(), time.perf_counter()
    deadline = begin + seconds
    ready.wait()
    for thread in threads:
        thread.join()
    elapsed, processor, after = time.perf_counter() - begin, time.process_time() - processor, index.stats()
    all_latencies = np.concatenate(latencies)
    p50, p99 = np.percentile(all_latencies, [50, 99]) * 1e3
    scans = after["scans"] - before["scans"]
    return {
        "queries_per_s": len(all_latencies) / elapsed,
        "p50_ms": p50,
        "p99_ms": p99,
        "processor_us": processor / len(all_latencies) * 1e6,
        "queries_per_pass": scans / (after["passes"] - before["passes"]) if "passes" in after else 1.0,
    }


if __name__ == "__main__":
    main()
