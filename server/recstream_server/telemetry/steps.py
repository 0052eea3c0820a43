"""How long the work takes that goes on beside the calls, and may hold them up: commits, checkpoints, snapshots."""

import gc
import time
from bisect import bisect_left
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import accumulate
from typing import Final, Literal, TypeAlias

import structlog
from prometheus_client import Metric
from prometheus_client.core import HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

_LOGGER = structlog.get_logger(__name__)

Step = Literal["commit", "fold", "notify", "checkpoint", "snapshot_encode", "snapshot_save", "collect"]
Timed: TypeAlias = "Callable[[Step], AbstractContextManager[None]]"

STEP_SECONDS: Final = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5)
_BOUNDS: Final = [*map(floatToGoString, STEP_SECONDS), "+Inf"]
_COLLECTIONS_KEPT: Final = 100


def untimed(step: Step) -> AbstractContextManager[None]:  # noqa: ARG001 - as `Steps.time`
    """Note nothing."""
    return nullcontext()


class Steps(Collector):
    """Times of steps, as a histogram for Prometheus, and a line in the log for each that was slow.

    Each step but ``collect`` is timed by one thread at a time, and the collector runs in one; nothing is locked, as the
    collector may run amid anything, in whoever's hands a lock would be.

    Parameters
    ----------
    slow_ms : float
        Steps that take longer are logged.
    """

    def __init__(self, slow_ms: float) -> None:
        self._slow_s = slow_ms / 1000
        self._counts: dict[str, list[int]] = {}
        self._seconds: dict[str, float] = {}
        self._collection_began = 0.0
        self._slow_collections: deque[tuple[float, float]] = deque(maxlen=_COLLECTIONS_KEPT)

    @contextmanager
    def time(self, step: Step) -> Iterator[None]:
        """Within the context the step goes on."""
        began = time.perf_counter()
        try:
            yield
        finally:
            seconds = time.perf_counter() - began
            self._note(step, seconds)
            if seconds > self._slow_s:
                _LOGGER.info("step_slow", step=step, seconds=round(seconds, 6))
            while self._slow_collections:
                ended, seconds = self._slow_collections.popleft()
                ago = time.perf_counter() - ended
                _LOGGER.info("step_slow", step="collect", seconds=round(seconds, 6), ended_seconds_ago=round(ago, 6))

    @contextmanager
    def watching_collector(self) -> Iterator[None]:
        """Within the context collections of garbage are timed too; slow ones are logged with the next other step."""
        gc.callbacks.append(self._on_collection)
        try:
            yield
        finally:
            gc.callbacks.remove(self._on_collection)

    def collect(self) -> Iterator[Metric]:
        """The histogram."""
        family = HistogramMetricFamily(
            "recstream_step_seconds", "Time of the work that goes on beside calls.", labels=["step"]
        )
        for step, counts in list(self._counts.items()):
            buckets = list(zip(_BOUNDS, map(float, accumulate(counts)), strict=True))
            family.add_metric([step], buckets, self._seconds.get(step, 0.0))
        yield family

    def _on_collection(self, phase: str, _about: dict[str, int]) -> None:
        now = time.perf_counter()
        if phase == "start":
            self._collection_began = now
            return
        seconds = now - self._collection_began
        self._note("collect", seconds)
        if seconds > self._slow_s:
            self._slow_collections.append((now, seconds))

    def _note(self, step: Step, seconds: float) -> None:
        counts = self._counts.get(step)
        if counts is None:
            counts = self._counts[step] = [0] * len(_BOUNDS)
        counts[bisect_left(STEP_SECONDS, seconds)] += 1
        self._seconds[step] = self._seconds.get(step, 0.0) + seconds
