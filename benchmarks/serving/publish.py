"""The generated part of docs/performance.md about serving, and its plot, from the JSON of a run."""

from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt

from benchmarks.serving.contenders import NATIVE, PYTHON, contenders
from benchmarks.serving.goals import Document, goals
from benchmarks.serving.report import GOAL_HEADER, READ_HEADER, WRITE_HEADER, read_rows, write_rows
from benchmarks.topk.report import markdown

BEGIN, END = "<!-- begin: written by benchmarks.serving -->", "<!-- end of benchmarks.serving -->"
PLOT = "serving.svg"
SHOWN_LOAD = 32


def publish(document: Document, page: Path) -> None:
    """Replace what is between the markers of the page, and the plot beside it."""
    before, begin, rest = page.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no lines {BEGIN!r} and {END!r} to write between")
    plot(document, page.parent / PLOT)
    page.write_text(f"{before}{BEGIN}\n{section(document)}\n{END}{after}")


def section(document: Document) -> str:
    machine = document["machine"]
    commands = ", ".join(f"`{command}`" for command in document["commands"])
    versions = ", ".join(f"{name} {found}" for name, found in machine["versions"].items())
    loads = [record["load"] for part in ("reads", "writes") for record in document[part]]
    setting = (
        f"{commands} on {machine['cpu']}, {machine['cores']} cores ({', '.join(machine['flags'])}); {versions}. Load "
        f"while measuring {min(loads)} to {max(loads)}, of which about 2 is the benchmark itself."
    )
    left_out = [f"- left out: {one['contender']} over {one['catalogue']}: {one['why']}" for one in document["failures"]]
    parts = [
        setting,
        markdown(GOAL_HEADER, [goal.cells() for goal in goals(document)]),
        "\n".join(left_out),
        f"![Answers a second of every contender]({PLOT})",
        markdown(READ_HEADER, read_rows(document["reads"])),
        markdown(WRITE_HEADER, write_rows(document["writes"])),
    ]
    return "\n\n".join(part for part in parts if part)


def plot(document: Document, path: Path) -> None:
    """Answers a second at 32 unary calls at a time, one panel for each catalogue."""
    plt.switch_backend("svg")
    plt.rcParams["svg.hashsalt"] = "recstream"  # the same figures make the same file
    wanted = {"concurrency": SHOWN_LOAD, "mode": "unary"}
    records = [r for r in document["reads"] if all(r[key] == value for key, value in wanted.items())]
    cases = sorted({(record["catalogue"], record["k"]) for record in records})
    if not cases:
        return
    figure, panels = plt.subplots(1, len(cases), figsize=(4.5 * len(cases), 4), squeeze=False, layout="constrained")
    for panel, (catalogue, k) in zip(panels[0], cases, strict=True):
        draw(panel, [r for r in records if (r["catalogue"], r["k"]) == (catalogue, k)])
        panel.set(title=f"{catalogue}, k {k}", xlabel=f"answers a second, {SHOWN_LOAD} at a time")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def draw(panel: Any, records: list[dict[str, Any]]) -> None:
    order = [one.name for one in contenders()]
    rows = {row[4]: float(row[5].replace(",", "")) for row in read_rows(records)}
    names = [name for name in order if name in rows]
    colours = ["black" if name in (PYTHON, NATIVE) else "silver" if "echo" in name else "tab:blue" for name in names]
    bars = panel.barh(names, [rows[name] for name in names], color=colours)
    panel.bar_label(bars, fmt="{:,.0f}", padding=2, fontsize="small")
    panel.margins(x=0.3)
    panel.tick_params(labelsize="small")
