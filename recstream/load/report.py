"""A run in words and numbers."""

import json
from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from recstream.load.results import StageResult
from recstream.load.settings import LoadSettings

_SHOWN = (50.0, 90.0, 99.0, 99.9, 100.0)


def stage_table(results: Sequence[StageResult]) -> Table:
    """A row per stage and, where several kinds of calls were made, one per kind."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("load")
    for name in ("sent", "failed", "answers/s", "p50 ms", "p90", "p99", "p99.9", "max"):
        table.add_column(name, justify="right")
    for result in results:
        stage = result.stage
        load = f"{stage.rate:,.6g}/s" if stage.rate else f"{stage.concurrency} at a time"
        times = [f"{value:.2f}" for value in result.histogram().percentiles_ms(_SHOWN)]
        table.add_row(load, str(result.sent), str(result.failed), f"{result.rate:,.1f}", *times)
        if len(result.latencies) > 1:
            for kind, histogram in sorted(result.latencies.items()):
                times = [f"{value:.2f}" for value in histogram.percentiles_ms(_SHOWN)]
                table.add_row(f"  {kind}", str(len(histogram)), "", "", *times)
    return table


def remarks(results: Sequence[StageResult]) -> list[str]:
    """What a reader must know about the figures: failures, and a client that could not keep up."""
    lines = []
    for result in results:
        load = f"{result.stage.rate:,.6g}/s" if result.stage.rate else f"{result.stage.concurrency} at a time"
        lines += [f"{load}: {count} failed: {why}" for why, count in result.failures.most_common(5)]
        if result.client_was_bottleneck:
            p50, p99, most = result.lags.percentiles_ms([50, 99, 100])
            lag = f"; sent late by p50 {p50:.2f}, p99 {p99:.2f}, at most {most:.2f} ms" if len(result.lags) else ""
            lines.append(
                f"{load}: the client was a bottleneck: {result.client_was_bottleneck}{lag}; "
                "give it a processor of its own, or more --processes"
            )
    return lines


def write_json(
    path: Path, settings: LoadSettings, users: int, results: Sequence[StageResult], capacity: dict[str, float] | None
) -> None:
    """Write everything that was measured."""
    content = {
        "target": settings.target,
        "mix": dict(settings.mix),
        "count": settings.count,
        "users": {"number": users, "zipf": settings.zipf},
        "processes": settings.processes,
        "connections": settings.connections,
        "streams": settings.streams,
        "watchers": settings.watchers,
        "timeout_s": settings.timeout_s,
        "seed": settings.seed,
        **({"capacity": capacity} if capacity is not None else {}),
        "stages": [result.as_json() for result in results],
    }
    path.write_text(json.dumps(content, indent=2) + "\n")
