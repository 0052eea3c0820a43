"""What a person reads."""

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.serving.goals import Document, Record, goals
from benchmarks.topk.report import table

GOAL_HEADER = ("goal", "wanted", "measured", "state", "by cpu time", "")
READ_HEADER = (
    "catalogue", "k", "at a time", "mode", "contender", "answers/s", "p50 ms", "p99 ms", "p99.9 ms", "server us",
    "load busy", "MiB", "recall",
)  # fmt: skip
WRITE_HEADER = (
    "plane", "durability", "what", "a second", "p50 ms", "p99 ms", "p99.9 ms", "longest ms", "over 20 ms", "server us",
)  # fmt: skip
CASE = ("catalogue", "k", "concurrency", "mode")


def goals_text(document: Document) -> str:
    lines = [table(GOAL_HEADER, [goal.cells() for goal in goals(document)])]
    lines += [f"left out: {one['contender']} over {one['catalogue']}: {one['why']}" for one in document["failures"]]
    return "\n".join(lines)


def read_rows(records: Iterable[Record]) -> list[tuple[str, ...]]:
    """A row for each contender of each case, medians over the repeats, the fastest first."""
    merged = [medians(found) for found in _grouped(records, (*CASE, "contender")).values()]
    merged.sort(key=lambda record: (*(record[key] for key in CASE), -record["per_s"]))
    return [
        (
            record["catalogue"],
            str(record["k"]),
            str(record["concurrency"]),
            record["mode"],
            record["contender"],
            f"{record['per_s']:,.0f}",
            *(f"{record[f'query_{name}_ms']:.2f}" for name in ("p50", "p99", "p999")),
            f"{record['server_us']:.0f}",
            f"{100 * record['client_busy']:.0f}%",
            f"{record['rss_mib']:.0f}",
            "" if record["recall"] is None else f"{record['recall']:.3f}",
        )
        for record in merged
    ]


def write_rows(records: Iterable[Record]) -> list[tuple[str, ...]]:
    """A row for each kind of calls in each measurement, medians over the repeats."""
    rows = []
    measured = [record for record in records if "problems" in record]
    for found in _grouped(measured, ("plane", "durability", "what")).values():
        record = medians(found)
        for kind in ("query", "event", "visible"):
            if f"{kind}_p50_ms" in record:
                times = (f"{record[f'{kind}_{name}_ms']:.2f}" for name in ("p50", "p99", "p999", "max"))
                what = f"{record['what']}: {kind}"
                over = f"{record[f'{kind}_over_20_ms']:.0f}"
                head = (record["plane"], record.get("durability", ""), what, f"{record['per_s']:,.0f}")
                rows.append((*head, *times, over, f"{record['server_us']:.0f}"))
    return rows


def medians(records: Sequence[Record]) -> Record:
    """One record with the median of every number."""
    merged: dict[str, Any] = dict(records[0])
    for key, value in merged.items():
        numbers = [record[key] for record in records if isinstance(record.get(key), int | float)]
        if isinstance(value, int | float) and not isinstance(value, bool):
            merged[key] = statistics.median(numbers)
    return merged


def _grouped(records: Iterable[Record], keys: Sequence[str]) -> dict[tuple[Any, ...], list[Record]]:
    groups: dict[tuple[Any, ...], list[Record]] = {}
    for record in records:
        groups.setdefault(tuple(record.get(key) for key in keys), []).append(record)
    return groups
