"""What a stage has measured, added up over workers."""

from collections import Counter
from typing import Final

import numpy as np

from recstream.load.histogram import Histogram
from recstream.load.samples import Samples
from recstream.load.schedule import Stage
from recstream.load.settings import LATE_MS, Kind

PERCENTILES: Final = (50.0, 90.0, 95.0, 99.0, 99.9, 99.99, 100.0)
_MUCH_LATE: Final = 0.01
_BUSY: Final = 0.9
_OWN_SHARE: Final = 0.1


class StageResult:
    """What a stage has measured.

    Attributes
    ----------
    stage : Stage
    sent, in_time, watch_lists : int
        As in `Samples`.
    failures : why -> count
    latencies : Kind -> Histogram
        Of operations that succeeded.
    lags : Histogram
        How late an open loop's requests left the client.
    late : int
        Requests that left more than `LATE_MS` late.
    busiest_cpu : float
        The share of the stage in which the busiest worker had a processor.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.sent = 0
        self.in_time = 0
        self.watch_lists = 0
        self.failures: Counter[str] = Counter()
        self.latencies: dict[Kind, Histogram] = {}
        self.lags = Histogram()
        self.late = 0
        self.busiest_cpu = 0.0
        self._workers = 0

    def add(self, samples: Samples) -> None:
        """Add a worker's measurements."""
        self.sent += samples.sent
        self.in_time += samples.in_time
        self.watch_lists += samples.watch_lists
        self.failures.update(samples.failures)
        for kind, latencies_us in samples.latencies_us.items():
            self.latencies.setdefault(kind, Histogram()).record(np.array(latencies_us, dtype=np.int64))
        lags_us = np.array(samples.lags_us, dtype=np.int64)
        self.lags.record(lags_us)
        self.late += int(np.count_nonzero(lags_us > LATE_MS * 1000))

    def add_cpu(self, cpu_s: float) -> None:
        """Add a worker's processor time."""
        self._workers += 1
        self.busiest_cpu = max(self.busiest_cpu, cpu_s / self.stage.seconds)

    @property
    def failed(self) -> int:
        """Operations that failed."""
        return self.failures.total()

    @property
    def failed_share(self) -> float:
        """Failures to all operations; 1 when there were none."""
        return self.failed / self.sent if self.sent else 1.0

    @property
    def late_share(self) -> float:
        """Requests that left late to all; 0 in a closed loop, which has no schedule."""
        return self.late / len(self.lags) if len(self.lags) else 0.0

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.in_time / self.stage.seconds

    @property
    def client_was_bottleneck(self) -> str:
        """Why the figures say more about the client than about the server; empty when they do not."""
        if self.late_share > _MUCH_LATE:
            return f"{self.late_share:.1%} of the requests left more than {LATE_MS:g} ms late"
        if self.busiest_cpu > _BUSY:
            return f"a worker was busy for {self.busiest_cpu:.0%} of the time"
        if self._takes_turns and self.busiest_cpu > _OWN_SHARE:
            return f"with one call at a time, {self.busiest_cpu:.0%} of the time was the client's own"
        return ""

    @property
    def _takes_turns(self) -> bool:
        """Whether the server stands still while the client works, and the other way: a closed loop of one call each."""
        return 0 < self.stage.concurrency <= self._workers

    def histogram(self) -> Histogram:
        """Latencies of all kinds together."""
        return Histogram.merged(self.latencies.values())

    def percentile_ms(self, percentile: float) -> float:
        """The latency, in milliseconds, of all kinds together; NaN when nothing succeeded."""
        return self.histogram().percentiles_ms([percentile])[0]

    def as_json(self) -> dict[str, object]:
        """For a file."""
        stage = self.stage
        load = {"rate_per_s": stage.rate} if stage.rate else {"concurrency": stage.concurrency}
        return {
            **load,
            "seconds": stage.seconds,
            "sent": self.sent,
            "answered_in_time": self.in_time,
            "answered_per_s": self.rate,
            "failed": self.failed,
            "failures": dict(self.failures),
            "watch_lists": self.watch_lists,
            "latency": {"all": _as_json(self.histogram())} | {kind: _as_json(h) for kind, h in self.latencies.items()},
            "lag": _as_json(self.lags) | {"late_share": self.late_share},
            "busiest_worker_cpu": self.busiest_cpu,
            "client_was_bottleneck": self.client_was_bottleneck,
        }


def _as_json(histogram: Histogram) -> dict[str, object]:
    if not len(histogram):
        return {"count": 0}
    names = [f"p{percentile:g}_ms" if percentile < 100 else "max_ms" for percentile in PERCENTILES]
    figures = dict(zip(names, histogram.percentiles_ms(PERCENTILES), strict=True))
    return {"count": len(histogram), "mean_ms": histogram.mean_ms(), **figures, "hdr_us": histogram.encoded()}
