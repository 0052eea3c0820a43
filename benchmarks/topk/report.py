"""What a person reads: a table for every case while it runs, the goals at the end."""

from collections.abc import Iterable, Sequence

from benchmarks.topk.goals import (
    Document,
    Record,
    bandwidth_share,
    goals,
    multiply_adds_per_s,
    seeds,
)
from benchmarks.topk.peers import OURS

CACHE_BYTES = 48 * 2**20
FILTER_HEADER = ("kind", "items", "batch", "eligible", "ms a call", "against none", "by cpu", "mismatches")
GOAL_HEADER = ("goal", "wanted", "measured", "state", "by cpu time", "")


def case_text(record: Record) -> str:
    """Everybody's figures in one case, the fastest first."""
    rows = [
        (
            name,
            f"{found['median_ms']:.3f}",
            f"{found['fastest_ms']:.3f}",
            f"{found['processor_ms']:.3f}",
            f"{1e3 * record['batch'] / found['median_ms']:,.0f}",
            f"{found['ratio']:.2f}",
            f"{found['processor_ratio']:.2f}",
            f"{found['recall']:.4f}" + ("" if found["exact"] else " approximate"),
            f"{found['stored_bytes'] / found['median_ms'] / 1e6:.1f}"
            if record["batch"] == 1 and found["exact"] and name != OURS
            else "",
        )
        for name, found in sorted(record["contenders"].items(), key=lambda item: item[1]["median_ms"])
    ]
    header = ("", "median ms", "fastest", "cpu ms", "queries/s", "x ours", "by cpu", "recall", "GB/s")
    return f"\n{title(record)}\n{table(header, rows)}\n{scan_text(record)}"


def title(record: Record) -> str:
    threads = f"{record['threads']} thread{'s' * (record['threads'] > 1)}"
    return (
        f"{record['items']:,} x {record['dimension']} {record['kind']}, batch {record['batch']}, {threads}, "
        f"k {record['k']} (seed {record['seed']}, load {record['load']})"
    )


def scan_text(record: Record) -> str:
    """Ours: what a scan of everything moves and computes, against what the memory gives, and what was wrong."""
    return (
        f"ours: {record['stats']['level']}, {record['scan_bytes'] / 1e6:,.0f} MB for a whole scan, "
        f"{bandwidth_text(record)}"
        f"{multiply_adds_per_s(record) / 1e9:.1f} G multiply-adds/s as if nothing were skipped, "
        f"{record['stats'].get('mean_scanned', float('nan')):,.0f} rows scanned, "
        f"{record['stats']['mean_rescored']:.0f} rescored; "
        f"{record['mismatches']} mismatches in {record['checked_queries']} queries"
    )


def bandwidth_text(record: Record) -> str:
    """Nothing for what a cache can hold, and for skewed norms, with which the scan stops early."""
    if record["kind"] != "equal" or record["scan_bytes"] < CACHE_BYTES or record["batch"] > 1:
        return ""
    return f"{100 * bandwidth_share(record):.0f}% of {record['bandwidth_gb_s']:.1f} GB/s read, "


def filter_rows(document: Document) -> list[tuple[str, ...]]:
    return [
        (
            record["kind"],
            f"{record['items']:,}",
            str(record["batch"]),
            f"{100 * record['eligible']:g}%",
            f"{record['median_ms']:.3f}",
            f"{record['ratio']:.2f}",
            f"{record['processor_ratio']:.2f}",
            str(record["mismatches"]),
        )
        for record in document["filters"]
    ]


def goals_text(document: Document) -> str:
    """The goals, and the seeds whose figures stand beside one another."""
    found = table(GOAL_HEADER, [goal.cells() for goal in goals(document)])
    return f"{found}\n\nseeds: {', '.join(map(str, seeds(document)))}"


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as they need; words to the left, numbers to the right."""
    lines = [tuple(header), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    right = [all(_is_number(line[column]) for line in lines[1:]) for column in range(len(header))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    )


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _is_number(text: str) -> bool:
    return text.replace(",", "").replace(".", "").rstrip("%").isdigit() or not text
