"""Exact top-K here and in faiss, usearch, implicit, NumPy and torch: the same queries, taken in turns.

All contenders of a case run alternately on the same batches; medians count. Our answers are compared with a float64
oracle, the recall of the others is counted, and the goals for the core are printed at the end. Times depend on what
else the machine does: the load is printed with every case.

Examples:
  python -m benchmarks.topk --quick                      two minutes: one thread, no HNSW, no sweep
  python -m benchmarks.topk                              everything, about an hour
  python -m benchmarks.topk --kinds skewed --items 1000000 --batch 1 32 --k 20 100 --append
                                                         these cases only, beside those of earlier runs
  python -m benchmarks.topk --goals --seeds 1 2 3        the goals; one is met when all three seeds meet it
  python -m benchmarks.topk --kinds learned --bundle ml-1m.bundle --batch 1 32
  python -m benchmarks.topk --only "faiss Flat tuned" --items 100000 --batch 8
  python -m benchmarks.topk --parts filters campaign --append
                                                         what filters cost, and 100,000 queries checked of each kind
  python -m benchmarks.topk --replay --publish           write docs/performance.md from the JSON that is there
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmarks.topk import cases, filters, machine, vectors
from benchmarks.topk.measurement import Sources, campaign, measure_cases
from benchmarks.topk.peers import BUILDERS, HNSW
from benchmarks.topk.report import FILTER_HEADER, case_text, filter_rows, goals_text, table
from benchmarks.topk.timing import Effort

RESULTS = Path(__file__).parents[1] / "results" / "topk.json"
PAGE = Path(__file__).parents[2] / "docs" / "performance.md"
CAMPAIGN_QUERIES, QUICK_CAMPAIGN_QUERIES = 100_000, 2_000
PARTS = ("cases", "filters", "campaign")
GOAL_PEERS = ["faiss Flat", "faiss Flat tuned", "implicit topk", "NumPy", "torch"]
"""Every exact peer that is best somewhere."""
IDENTITY = ("kind", "items", "dimension", "k", "threads", "batch", "eligible", "seed")
"""What makes a record another one than that of an earlier run."""


def main() -> None:
    arguments = parse()
    document = json.loads(arguments.json.read_text()) if arguments.replay else None
    if document is None:
        document = run_seeds(arguments)
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")
    print(f"\n{goals_text(document)}\n\n{arguments.json}")
    if arguments.publish:
        from benchmarks.topk.publish import publish  # noqa: PLC0415  # needs matplotlib

        publish(document, PAGE)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.topk", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer cases, rounds and queries: about two minutes")
    choice = parser.add_argument_group("cases of your own (each option that is left out has the value given here)")
    choice.add_argument("--kinds", nargs="+", choices=cases.KINDS, help="skewed")
    choice.add_argument("--items", nargs="+", type=int, help="1000000")
    choice.add_argument("--batch", nargs="+", type=int, help="32")
    choice.add_argument("--threads", nargs="+", type=int, help="1")
    choice.add_argument("--k", nargs="+", type=int, help="100")
    parser.add_argument("--only", nargs="+", choices=[*BUILDERS, HNSW], help="contenders beside ours")
    parser.add_argument("--bundle", type=Path, help="gives the learned vectors; by default ALS is trained on ml-1m")
    parser.add_argument("--dimension", type=int, default=64)
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="all; with cases of your own: cases")
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=[1], help="of vectors, queries and training; one run each"
    )
    parser.add_argument(
        "--goals", action="store_true", help="only what the goals speak of but HNSW: about six minutes for a seed"
    )
    parser.add_argument("--rounds", type=int, help="turns that each contender takes (5; quick: 3)")
    parser.add_argument("--campaign", type=int, help="queries of each kind to check (100000; quick: 2000)")
    parser.add_argument(
        "--int8-peak", type=float, metavar="G", help="int8 multiply-adds/s of a core, in 10^9, if known"
    )
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--append", action="store_true", help="keep what the JSON has and this run does not repeat")
    parser.add_argument("--replay", action="store_true", help="measure nothing, show what the JSON holds")
    parser.add_argument("--publish", action="store_true", help="write docs/performance.md and its plot")
    arguments = parser.parse_args()
    smallest, largest_k = min(arguments.items or [cases.MILLION]), max(arguments.k or [100])
    if smallest < largest_k:
        parser.error(f"--items {smallest}: the peers need at least k items, and k is {largest_k}")
    return arguments


def run_seeds(arguments: argparse.Namespace) -> dict[str, Any]:
    """One run for each seed, in one document."""
    document: dict[str, Any] = {
        "commands": [" ".join(["python -m benchmarks.topk", *sys.argv[1:]])],
        "machine": machine.describe(),
        "int8_peak_gmacs": arguments.int8_peak,
        **{part: [] for part in PARTS},
    }
    for seed in arguments.seeds:
        print(f"\nseed {seed}", flush=True)
        measured = run(arguments, seed)
        for part in PARTS:
            document[part] += measured[part]
    return merged(document, arguments.json) if arguments.append else document


def run(arguments: argparse.Namespace, seed: int) -> dict[str, Any]:
    chosen, custom = choose_cases(arguments)
    kinds = sorted({case.kind for case in chosen})
    effort = choose_effort(arguments)
    measured: dict[str, Any] = {part: [] for part in PARTS}
    with tempfile.TemporaryDirectory() as folder:
        bundle = arguments.bundle
        if "learned" in kinds and bundle is None:
            bundle = vectors.train_bundle(Path(folder), arguments.dimension, seed)
        sources = Sources(arguments.dimension, seed, bundle)
        parts = arguments.parts or (["cases"] if custom else PARTS)
        if "cases" in parts:
            only = arguments.only or (GOAL_PEERS if arguments.goals else None)
            measured["cases"] = list(show_cases(measure_cases(chosen, sources, only, effort)))
        if "campaign" in parts:
            few = arguments.quick or arguments.goals
            queries = arguments.campaign or (QUICK_CAMPAIGN_QUERIES if few else CAMPAIGN_QUERIES)
            measured["campaign"] = [campaign(sources, kind, queries) for kind in kinds]
        if "filters" in parts:
            batches = (1,) if arguments.quick else (1, 32)
            for kind in kinds:
                measured["filters"] += measure_filters(sources, kind, batches, effort)
            print("\n" + table(FILTER_HEADER, filter_rows(measured)))
    return measured


def choose_effort(arguments: argparse.Namespace) -> Effort:
    if arguments.quick or arguments.goals:
        return Effort(arguments.rounds or 3, 0.1, 0.5)
    return Effort(arguments.rounds or 5, 0.3, 2.0)


def choose_cases(arguments: argparse.Namespace) -> tuple[list[cases.Case], bool]:
    """The cases, and whether they were named one by one."""
    named = [arguments.kinds, arguments.items, arguments.batch, arguments.threads, arguments.k]
    if any(named):
        given = [chosen or default for chosen, default in zip(named, CUSTOM_DEFAULTS, strict=True)]
        return cases.chosen_cases(*given), True
    if arguments.goals:
        return [case for case in cases.goal_cases() if not case.with_hnsw], False
    return (cases.quick_cases() if arguments.quick else cases.all_cases()), False


CUSTOM_DEFAULTS: tuple[list[Any], ...] = (["skewed"], [cases.MILLION], [32], [1], [100])


def measure_filters(sources: Sources, kind: str, batches: Iterable[int], effort: Effort) -> list[dict[str, Any]]:
    if kind not in cases.SYNTHETIC:
        return []
    data = sources.make(kind, cases.MILLION)
    return [
        record
        for batch in batches
        for record in filters.measure(data, cases.case(kind, cases.MILLION, batch), effort, seed=sources.seed)
    ]


def show_cases(records: Iterable[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    for record in records:
        for name, reason in record.pop("missing").items():
            print(f"{name} left out: {reason}")
        print(case_text(record), flush=True)
        yield record


def merged(document: dict[str, Any], path: Path) -> dict[str, Any]:
    """Add what an earlier run found and this one did not repeat."""
    if not path.exists():
        return document
    earlier = json.loads(path.read_text())
    for part in PARTS:
        found = {identity(record): record for record in (*earlier[part], *document[part])}
        document[part] = list(found.values())
    document["commands"] = [*earlier["commands"], *document["commands"]]
    document["int8_peak_gmacs"] = document["int8_peak_gmacs"] or earlier["int8_peak_gmacs"]
    return document


def identity(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record.get(key) for key in IDENTITY)


if __name__ == "__main__":
    main()
