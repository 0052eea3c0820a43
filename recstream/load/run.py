"""A whole run: stages one after the other, or the search for the capacity."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from recstream.load.capacity import Target, find_capacity
from recstream.load.fleet import Fleet
from recstream.load.progress import Progress
from recstream.load.results import StageResult
from recstream.load.schedule import Stage


@dataclass(frozen=True)
class Capacity:
    """What a search has found.

    Attributes
    ----------
    rate : float
        Highest rate tried that met the target; 0 when none did.
    client_was_bottleneck : bool
        A trial failed only because the client was late: a better client may find more.
    """

    rate: float
    client_was_bottleneck: bool


class Run:
    """Stages on a fleet.

    Parameters
    ----------
    fleet : Fleet
    progress : Progress
    warmup_s : float
        Before the first stage, its load runs this long unmeasured.

    Attributes
    ----------
    results : list of StageResult
        In the order in which they ran.
    """

    def __init__(self, fleet: Fleet, progress: Progress, *, warmup_s: float) -> None:
        self._fleet = fleet
        self._progress = progress
        self._warmup_s = warmup_s
        self.results: list[StageResult] = []

    def stages(self, stages: Sequence[Stage]) -> None:
        """Run stages."""
        for stage in stages:
            self.stage(stage)

    def stage(self, stage: Stage) -> StageResult:
        """Run one stage."""
        if self._warmup_s:
            warmup, self._warmup_s = replace(stage, seconds=self._warmup_s), 0.0
            self._progress.start(warmup, warmup=True)
            self._fleet.run(warmup, self._progress.add)
        self._progress.start(stage, warmup=False)
        result = self._fleet.run(stage, self._progress.add)
        self.results.append(result)
        return result

    def capacity(self, target: Target, *, start: float, seconds: float, max_errors: float) -> Capacity:
        """Search for the highest rate that meets a target; each trial is a stage."""

        def meets(rate: float) -> bool:
            result = self.stage(Stage(seconds, rate=rate))
            return (
                result.failed_share <= max_errors
                and result.percentile_ms(99) <= target.p99_ms
                and result.rate >= target.answered_share * result.sent / seconds
            )

        found = find_capacity(meets, start)
        above = [result for result in self.results if result.stage.rate > found]
        return Capacity(found, any(result.client_was_bottleneck for result in above))
