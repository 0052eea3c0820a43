"""Tables by size, with the law that each figure follows."""

import math
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from scipy.optimize import nnls

from benchmarks.topk.report import markdown

BEGIN, END = "<!-- begin: written by benchmarks.scale -->", "<!-- end -->"
COLUMNS = {
    "replay_s": "start from the log alone, s",
    "replay_cpu_s": "processor s of a start from the log alone",
    "start_s": "start, s",
    "start_cpu_s": "processor s of a start",
    "rss_mib": "memory when ready, MiB",
    "log_mib": "log, MiB",
    "server_us": "processor us an answer",
    "most_per_s": "answers a second, 8 at a time",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
}
FITTED = ("replay_cpu_s", "start_cpu_s", "rss_mib", "log_mib")
PLOT = "scale.svg"
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
    laws = [["*slope*", *slopes], ["*law*", *(law(records, name) for name in names)]] if slopes else []
    return markdown(["size", *(COLUMNS[name] for name in names)], [*rows, *laws])


def law(records: list[dict[str, Any]], name: str) -> str:
    """What does not grow, and what each million more takes; nothing for times that other work on the machine makes."""
    if name not in FITTED:
        return ""
    fixed, each = fit([record["size"] for record in records], [record[name] for record in records])
    return f"{number(fixed)} + {number(1e6 * each)} a million"


def fit(sizes: list[float], figures: list[float]) -> tuple[float, float]:
    """The a and b of a + b * size with the least sum of squares of relative errors, neither below 0."""
    matrix = np.stack([np.ones(len(sizes)), sizes], axis=1, dtype=np.float64) / np.array(figures)[:, None]
    scale = np.linalg.norm(matrix, axis=0)
    found = nnls(matrix / scale, np.ones(len(sizes)))[0] / scale
    return float(found[0]), float(found[1])


def plot(document: dict[str, Any], path: Path) -> None:
    """Memory, processor time of starts and of an answer by size, both axes logarithmic."""
    plt.switch_backend("svg")
    plt.rcParams["svg.hashsalt"] = "recstream"  # the same figures make the same file
    parts = [part for part in TITLES if of_part(document, part)]
    figure, panels = plt.subplots(1, len(parts), figsize=(4.5 * len(parts), 4), squeeze=False, layout="constrained")
    for panel, part in zip(panels[0], parts, strict=True):
        records = of_part(document, part)
        for name in (name for name in FITTED if name in records[0]):
            panel.loglog([r["size"] for r in records], [r[name] for r in records], "o-", label=COLUMNS[name])
        panel.set(title=TITLES[part], xlabel=part)
        panel.legend(fontsize="small")
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


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
    plot(document, page.parent / PLOT)
    shown = f"![Memory and processor time by size]({PLOT})"
    page.write_text(f"{before}{BEGIN}\n{setting}\n\n{shown}\n\n{tables(document)}\n{END}{after}")
