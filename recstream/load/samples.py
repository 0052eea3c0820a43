"""What a worker has measured since it last told."""

from array import array
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from recstream.load.settings import Kind

_DISTINCT_FAILURES: Final = 50
_OTHER: Final = "other failures"


@dataclass
class Samples:
    """Measurements of one worker.

    Attributes
    ----------
    sent : int
        Operations begun.
    in_time : int
        Operations that succeeded before the stage was over, which the rate is counted from.
    latencies_us : Kind -> int64 array
        Of operations that succeeded: from the time at which they were to begin until their answer was checked.
    lags_us : int64 array
        How much later than that each request of an open loop was given to the connection.
    failures : why -> count
        Operations that failed.
    watch_lists : int
        Lists pushed to the idle watchers.
    """

    sent: int = 0
    in_time: int = 0
    latencies_us: dict[Kind, "array[int]"] = field(default_factory=dict)
    lags_us: "array[int]" = field(default_factory=lambda: array("q"))
    failures: Counter[str] = field(default_factory=Counter)
    watch_lists: int = 0

    def add_latency(self, kind: Kind, latency_us: int) -> None:
        """Count a success."""
        if kind not in self.latencies_us:
            self.latencies_us[kind] = array("q")
        self.latencies_us[kind].append(latency_us)

    def add_failure(self, why: str) -> None:
        """Count a failure; beyond 50 different reasons they share one."""
        known = why in self.failures or len(self.failures) < _DISTINCT_FAILURES
        self.failures[why if known else _OTHER] += 1
