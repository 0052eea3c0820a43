"""The generated part of docs/performance.md: goals, times and a plot, from the JSON of a run."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from benchmarks.topk.goals import Document, Record, goals, seeds
from benchmarks.topk.peers import BUILDERS, HNSW, OURS
from benchmarks.topk.report import FILTER_HEADER, GOAL_HEADER, filter_rows, markdown

BEGIN, END = "<!-- begin: written by benchmarks.topk -->", "<!-- end -->"
PLOT = "topk.svg"
KINDS = {"equal": "equal norms", "skewed": "skewed norms"}


def publish(document: Document, page: Path) -> None:
    """Replace what is between the markers of the page, and the plot beside it."""
    text = page.read_text()
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no lines {BEGIN!r} and {END!r} to write between")
    shown = of_first_seed(document)
    plot(shown, page.parent / PLOT)
    page.write_text(f"{before}{BEGIN}\n{section(document, shown)}\n{END}{after}")


def of_first_seed(document: Document) -> Document:
    """The document with the times of one seed only: those of the others differ by noise."""
    first = seeds(document)[0]
    return document | {part: [r for r in document[part] if r["seed"] == first] for part in ("cases", "filters")}


def section(document: Document, shown: Document) -> str:
    """The goals of all seeds, and the tables of what is shown."""
    machine = document["machine"]
    versions = ", ".join(f"{name} {found}" for name, found in machine["versions"].items())
    commands = ", ".join(f"`{command}`" for command in document["commands"])
    setting = (
        f"{commands} on {machine['cpu']}, {machine['cores']} cores ({', '.join(machine['flags'])}); {versions}. "
        f"Seeds {', '.join(map(str, seeds(document)))}; load while measuring {load_range(document)}."
    )
    parts = [
        setting,
        markdown(GOAL_HEADER, [goal.cells() for goal in goals(document)]),
        f"Seed {seeds(shown)[0]}: milliseconds a call, median; recall in brackets where it is below 0.9995.",
        markdown(*times_table(shown)),
        f"![Milliseconds a query by catalogue size]({PLOT})",
    ]
    if shown["filters"]:
        parts.append(markdown(FILTER_HEADER, filter_rows(shown)))
    return "\n\n".join(parts)


def times_table(document: Document) -> tuple[list[str], list[list[str]]]:
    """A row for every case, a column for every contender."""
    names = [name for name in (*BUILDERS, HNSW) if any(name in r["contenders"] for r in document["cases"])]
    rows = [
        [
            f"{record['items']:,} {record['kind']}",
            f"{record['batch']} / {record['threads']} / {record['k']}",
            *(time_cell(record["contenders"].get(name)) for name in names),
        ]
        for record in sorted(
            document["cases"], key=lambda r: [r[key] for key in ("kind", "items", "k", "threads", "batch")]
        )
    ]
    return ["vectors", "batch / threads / k", *names], rows


def time_cell(found: dict[str, Any] | None) -> str:
    if found is None:
        return ""
    recall = "" if found["recall"] >= 0.9995 else f" ({found['recall']:.3f})"
    median_ms = found["median_ms"]
    return (f"{median_ms:,.0f}" if median_ms >= 100 else f"{median_ms:.3g}") + recall


def plot(document: Document, path: Path) -> None:
    """Time of a query by catalogue size, one panel for each kind of norms, batches of 32, one thread, k 100."""
    plt.switch_backend("svg")
    plt.rcParams["svg.hashsalt"] = "recstream"  # the same figures make the same file
    figure, panels = plt.subplots(1, len(KINDS), figsize=(11, 4.5), sharey=True, layout="constrained")
    for panel, (kind, name) in zip(panels, KINDS.items(), strict=True):
        wanted = {"kind": kind, "batch": 32, "threads": 1, "k": 100}
        records = [r for r in document["cases"] if all(r[key] == value for key, value in wanted.items())]
        for contender in BUILDERS:
            draw(panel, contender, sorted(records, key=lambda record: int(record["items"])))
        panel.set(title=name, xscale="log", yscale="log", xlabel="items")
        panel.grid(visible=True, alpha=0.3)
    panels[0].set_ylabel("milliseconds a query (batch 32, one thread, k 100)")
    panels[-1].legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def draw(panel: Any, contender: str, records: list[Record]) -> None:
    points = [
        (record["items"], record["contenders"][contender]["median_ms"] / record["batch"])
        for record in records
        if contender in record["contenders"]
    ]
    if points:
        style = {"linewidth": 3, "color": "black"} if contender == OURS else {"linewidth": 1}
        panel.plot(*zip(*points, strict=True), marker="o", markersize=3, label=contender, **style)


def load_range(document: Document) -> str:
    loads = [record["load"] for record in document["cases"]]
    return f"{min(loads)} to {max(loads)}" if loads else "-"
