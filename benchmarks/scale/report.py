"""Tables by size, with the law that each figure follows."""

import math
from pathlib import Path
from typing import Any

from benchmarks.topk.report import markdown

BEGIN, END = "<!-- begin: written by benchmarks.scale -->", "<!-- end -->"
COLUMNS = {
    "replay_s": "start from the log alone, s",
    "replay_cpu_s": "of it processor s",
    "start_s": "start, s",
    "start_cpu_s": "of it processor s",
    "rss_mib": "memory when ready, MiB",
    "log_mib": "log, MiB",
    "server_us": "processor us an answer",
    "most_per_s": "answers a second, 8 at a time",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
}
TITLES = {
    "items": "Items in the catalogue",
    "users": "Users with live events, four each",
    "events": "Events in the log, of 10,000 users",
}


def tables(document: dict[str, Any]) -> str:
    """A table for each part that was measured."""
    parts = [part for part in TITLES if any(record["part"] == part for record in document["sizes"])]
    return "\n\n".join(f"## {TITLES[part]}\n\n{table(of_part(document, part))}" for part in parts)


def of_part(document: dict[str, Any], part: str) -> list[dict[str, Any]]:
    return sorted((r for r in document["sizes"] if r["part"] == part), key=lambda record: int(record["size"]))


def table(records: list[dict[str, Any]]) -> str:
    names = [name for name in COLUMNS if name in records[0]]
    rows = [[f"{record['size']:,}", *(number(record[name]) for name in names)] for record in records]
    slopes = [f"{slope(records, name):.2f}" for name in names] if len(records) > 1 else []
    law = [["*slope*", *slopes]] if slopes else []
    return markdown(["size", *(COLUMNS[name] for name in names)], [*rows, *law])


def slope(records: list[dict[str, Any]], name: str) -> float:
    """Of the logarithms between the two largest sizes, where constant parts matter least."""
    first, last = records[-2:]
    return math.log(last[name] / first[name]) / math.log(last["size"] / first["size"])


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def publish(document: dict[str, Any], page: Path) -> None:
    """Replace what is between the markers of the page."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no lines {BEGIN!r} and {END!r} to write between")
    machine, loads = document["machine"], [record["load"] for record in document["sizes"]]
    commands = ", ".join(f"`{command}`" for command in document["commands"])
    setting = (
        f"{commands} on {machine['cpu']}, {machine['cores']} cores; load while measuring {min(loads)} to {max(loads)}, "
        "of which about 2 is the benchmark itself."
    )
    page.write_text(f"{before}{BEGIN}\n{setting}\n\n{tables(document)}\n{END}{after}")
