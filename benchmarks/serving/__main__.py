"""recstream beside bare echo servers and peers made with faiss, all behind gRPC, in one run.

The servers have core 0, the load core 1; all hold the same bundle and get the same users' queries, in turns, and what
they answer is compared with the exact top K. The load is a program in C++, built on the first run: it must cost less
than the servers that it measures. Servers that cannot be started are named and left out.

Examples:
  python -m benchmarks.serving --quick                     two minutes: ml-1m and 100 k items, one load
  python -m benchmarks.serving --goals                     what the goals speak of, three times: about twenty minutes
  python -m benchmarks.serving                             every catalogue, k and load: hours
  python -m benchmarks.serving --catalogues 100k --k 20 --concurrency 1 32 --modes unary --append
  python -m benchmarks.serving --parts events steady       events acknowledged and visible; reads beside events
  python -m benchmarks.serving --prepare                   only make what the others find: programs, bundles, HNSW
  python -m benchmarks.serving --replay --publish          write docs/performance.md from the JSON that is there
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks.topk import blas

blas.load()

from benchmarks.serving.catalogues import SIZES, open_catalogue  # noqa: E402  # its faiss takes the kernels from above
from benchmarks.serving.contenders import contenders, hnsw  # noqa: E402
from benchmarks.serving.programs import load_program  # noqa: E402
from benchmarks.serving.reads import Effort, ReadCase, measure_reads  # noqa: E402
from benchmarks.serving.report import READ_HEADER, WRITE_HEADER, goals_text, read_rows, write_rows  # noqa: E402
from benchmarks.serving.writes import measure_writes  # noqa: E402
from benchmarks.topk import machine  # noqa: E402
from benchmarks.topk.report import table  # noqa: E402

RESULTS = Path(__file__).parents[1] / "results" / "serving.json"
PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
PARTS = ("reads", "events", "steady", "watchers", "cores")
MODES = ("unary", "stream")
KS, CONCURRENCIES = (10, 20, 100), (1, 8, 32, 128)
MEASURED = ("reads", "writes", "failures")
IDENTITY = ("catalogue", "k", "concurrency", "mode", "contender", "plane", "durability", "what", "seed", "repeat")


def main() -> None:
    arguments = parse()
    if arguments.prepare:
        prepare(arguments)
        return
    document = json.loads(arguments.json.read_text()) if arguments.replay else run(arguments)
    print(f"\n{table(READ_HEADER, read_rows(document['reads']))}")
    print(f"\n{table(WRITE_HEADER, write_rows(document['writes']))}")
    print(f"\n{goals_text(document)}\n\n{arguments.json}")
    if arguments.publish:
        from benchmarks.serving.publish import publish  # noqa: PLC0415  # needs matplotlib

        publish(document, PAGE)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.serving", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few cases, once: about two minutes")
    parser.add_argument("--goals", action="store_true", help="the cases of the goals, three times: about 20 minutes")
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="all; with --quick no steady")
    parser.add_argument("--catalogues", nargs="+", choices=SIZES, default=list(SIZES))
    parser.add_argument("--k", nargs="+", type=int, default=list(KS))
    parser.add_argument("--concurrency", nargs="+", type=int, default=list(CONCURRENCIES))
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--only", nargs="+", choices=[one.name for one in contenders()], help="contenders")
    parser.add_argument("--repeats", type=int, help="turns of each contender (goals: 3, else 1)")
    parser.add_argument("--seconds", type=float, help="of each turn (2; quick: 1)")
    parser.add_argument("--steady", type=float, help="seconds of the run at half capacity (60; quick: 5)")
    parser.add_argument("--seed", type=int, default=1, help="of synthetic vectors and of the users' order")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--append", action="store_true", help="keep what the JSON has and this run does not repeat")
    parser.add_argument("--prepare", action="store_true", help="measure nothing, make programs, bundles and indexes")
    parser.add_argument("--replay", action="store_true", help="measure nothing, show what the JSON holds")
    parser.add_argument("--publish", action="store_true", help="write docs/performance.md and its plots")
    return parser.parse_args()


def prepare(arguments: argparse.Namespace) -> None:
    """What takes long to make and is found again by later runs."""
    print(load_program())
    for name in arguments.catalogues:
        catalogue = open_catalogue(name, arguments.seed)
        print(catalogue.path, hnsw(catalogue)[0], flush=True)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure part by part."""
    load_program()
    if (os.cpu_count() or 1) < 2:
        print("one core only: server and load share it, so figures mean little")
    kept = Kept(arguments)
    effort = choose_effort(arguments)
    parts = arguments.parts or (("reads", "events", "watchers") if arguments.quick else PARTS)
    if "reads" in parts:
        run_reads(kept, arguments, effort)
    if set(parts) - {"reads"}:
        small = open_catalogue("ml-1m", arguments.seed)
        large = open_catalogue("1M", arguments.seed) if "cores" in parts else small
        for records, failures in measure_writes(small, large, parts, effort):
            print(table(WRITE_HEADER, write_rows(records)), flush=True)
            kept.add("writes", records, failures)
    return kept.whole()


def run_reads(kept: "Kept", arguments: argparse.Namespace, effort: Effort) -> None:
    for name in arguments.catalogues:
        cases = [case for case in choose_cases(arguments) if case.catalogue == name]
        names = arguments.only or choose_names(arguments, name)
        try:
            for records, failures in measure_reads(open_catalogue(name, arguments.seed), cases, effort, names):
                print(f"\n{table(READ_HEADER, read_rows(records))}", flush=True)
                kept.add("reads", records, failures)
        except Exception as error:  # noqa: BLE001 - the other catalogues go on
            print(f"{name} left out: {error}", flush=True)
            kept.add("reads", [], [{"contender": "all", "catalogue": name, "why": f"{error}"[:300]}])


class Kept:
    """What was measured; written after each part, so that an end before the end loses little."""

    def __init__(self, arguments: argparse.Namespace) -> None:
        self._path, self._seed = arguments.json, arguments.seed
        self._earlier = json.loads(self._path.read_text()) if arguments.append and self._path.exists() else None
        self._document: dict[str, Any] = {
            "commands": [" ".join(["python -m benchmarks.serving", *sys.argv[1:]])],
            "machine": machine.describe(),
            "load_before": machine.load(),
            **{part: [] for part in MEASURED},
        }

    def add(self, part: str, records: list[dict[str, Any]], failures: list[dict[str, Any]]) -> None:
        self._document[part] += [record | {"seed": self._seed} for record in records]
        self._document["failures"] += failures
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_text(json.dumps(self.whole(), indent=1) + "\n")

    def whole(self) -> dict[str, Any]:
        """With what an earlier run found and this one did not repeat."""
        if self._earlier is None:
            return self._document
        found = {
            part: list({identity(record): record for record in (*self._earlier[part], *self._document[part])}.values())
            for part in MEASURED
        }
        return self._document | found | {"commands": [*self._earlier["commands"], *self._document["commands"]]}


def choose_effort(arguments: argparse.Namespace) -> Effort:
    return Effort(
        repeats=arguments.repeats or (3 if arguments.goals else 1),
        seconds=arguments.seconds or (1.0 if arguments.quick else 2.0),
        steady_s=arguments.steady or (5.0 if arguments.quick else 60.0),
    )


def choose_cases(arguments: argparse.Namespace) -> list[ReadCase]:
    if arguments.goals:
        streamed = [ReadCase("ml-1m", 10, 32, "stream"), ReadCase("ml-1m", 10, 1, "unary")]
        return [ReadCase("ml-1m", 10, 32, "unary"), *streamed, *(ReadCase(n, 20, 32, "unary") for n in ("100k", "1M"))]
    if arguments.quick:
        return [*(ReadCase("ml-1m", 10, 32, mode) for mode in MODES), ReadCase("100k", 20, 32, "unary")]
    return [
        ReadCase(name, k, concurrency, mode)
        for name in arguments.catalogues
        for k in arguments.k
        for concurrency in arguments.concurrency
        for mode in arguments.modes
    ]


def choose_names(arguments: argparse.Namespace, catalogue: str) -> list[str] | None:
    """The contenders that a goal speaks of; all when every case is measured."""
    if not (arguments.goals or arguments.quick):
        return None
    names = [one.name for one in contenders()]
    if catalogue == "ml-1m":
        return [name for name in names if "faiss" not in name]
    wanted = "tuned" if arguments.quick else "faiss"
    return [
        name for name in names if "recstream" in name or (wanted in name and not (catalogue == "1M" and "HNSW" in name))
    ]


def identity(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record.get(key) for key in IDENTITY)


if __name__ == "__main__":
    main()
