"""The line that shows how a run goes, on a terminal."""

import time
from array import array
from types import TracebackType
from typing import Final, Self

import numpy as np
from rich.console import Console
from rich.live import Live
from rich.text import Text

from recstream.load.samples import Samples
from recstream.load.schedule import Stage

_REFRESH_S: Final = 0.5


class Progress:
    """Rate, latency and failures of the last moments, redrawn in place on a terminal and silent elsewhere."""

    def __init__(self) -> None:
        console = Console(stderr=True, highlight=False, markup=False)
        self._live = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else None
        self._title = ""
        self._begin()

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live is not None:
            self._live.stop()

    def start(self, stage: Stage, *, warmup: bool) -> None:
        """Say what runs now."""
        self._title = f"{'warming up, ' if warmup else ''}{describe(stage)}"
        self._begin()

    def add(self, samples: Samples) -> None:
        """Take measurements, and redraw now and then."""
        if self._live is None:
            return
        self._failed += samples.failures.total()
        for latencies_us in samples.latencies_us.values():
            self._latencies_us.extend(latencies_us)
        elapsed_s = time.monotonic() - self._since
        if elapsed_s > _REFRESH_S:
            text = progress_line(self._title, self._latencies_us, self._failed, elapsed_s)
            self._live.update(Text(text), refresh=True)
            self._begin(self._failed)

    def _begin(self, failed: int = 0) -> None:
        self._since = time.monotonic()
        self._latencies_us = array("q")
        self._failed = failed


def describe(stage: Stage) -> str:
    """A stage in words."""
    load = f"{stage.rate:,.6g} requests/s" if stage.rate else f"{stage.concurrency} at a time"
    return f"{load} for {stage.seconds:g} s"


def progress_line(title: str, latencies_us: "array[int]", failed: int, elapsed_s: float) -> str:
    """What happened within the last `elapsed_s` seconds, and all failures of the stage."""
    p50, p99 = np.percentile(latencies_us, [50, 99]) / 1000 if len(latencies_us) else (float("nan"), float("nan"))
    rate = len(latencies_us) / elapsed_s
    return f"{title}: {rate:,.0f}/s   p50 {p50:.2f} ms   p99 {p99:.2f} ms   {failed} failed"
