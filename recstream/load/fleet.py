"""The worker processes, seen from the one that starts them."""

import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from types import TracebackType
from typing import Final, Self

from recstream.errors import UnavailableError
from recstream.load.population import Population
from recstream.load.results import StageResult
from recstream.load.samples import Samples
from recstream.load.schedule import Stage
from recstream.load.settings import LoadSettings
from recstream.load.worker import Done, Failed, Order, Ready, Report, run_worker

_HEAD_START_S: Final = 0.1
_STOP_S: Final = 5.0

OnSamples = Callable[[Samples], None]


class Fleet:
    """Worker processes that are connected to the server while the context is open.

    Parameters
    ----------
    settings : LoadSettings
    population : Population

    Raises
    ------
    UnavailableError
        On entering: the server cannot be reached.
    """

    def __init__(self, settings: LoadSettings, population: Population) -> None:
        self._settings = settings
        # Not forked: a child must have no threads and no locks of its parent.
        context = multiprocessing.get_context("spawn")
        self._pipes: list[Pipe] = []
        self._processes = []
        for worker in range(settings.processes):
            ours, theirs = context.Pipe()
            process = context.Process(
                target=run_worker, args=(theirs, settings, population, worker), daemon=True, name=f"load-{worker}"
            )
            self._processes.append((process, theirs))
            self._pipes.append(ours)

    def __enter__(self) -> Self:
        for process, theirs in self._processes:
            process.start()
            theirs.close()
        try:
            for _ in self._reports(Ready):
                pass
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            for pipe in self._pipes:
                with suppress(BrokenPipeError):
                    pipe.send(None)
            for process, _ in self._processes:
                process.join(_STOP_S)
        self._stop()

    def run(self, stage: Stage, on_samples: OnSamples = lambda _: None) -> StageResult:
        """Run a stage on all workers.

        Parameters
        ----------
        stage : Stage
        on_samples : function
            Hears of measurements as they come.

        Raises
        ------
        UnavailableError
            A worker has ended.
        """
        start_ns = time.monotonic_ns() + round(_HEAD_START_S * 1e9)
        for pipe in self._pipes:
            pipe.send(Order(stage, start_ns))
        result = StageResult(stage)
        for report in self._reports(Done):
            if isinstance(report, Samples):
                result.add(report)
                on_samples(report)
            elif isinstance(report, Done):
                result.add_cpu(report.cpu_s)
        return result

    def _reports(self, last: type[Report]) -> Iterator[Report]:
        """What the workers tell, until each has told something of the kind `last`."""
        waiting = set(self._pipes)
        while waiting:
            for pipe in [pipe for pipe in self._pipes if pipe in wait(waiting)]:
                report = _receive(pipe)
                yield report
                if isinstance(report, last):
                    waiting.discard(pipe)

    def _stop(self) -> None:
        for process, _ in self._processes:
            process.terminate()
            process.join()
            process.close()
        for pipe in self._pipes:
            pipe.close()


def _receive(pipe: Pipe) -> Report:
    try:
        report: Report = pipe.recv()
    except EOFError:
        raise UnavailableError("a load worker has ended unexpectedly; its error is above") from None
    if isinstance(report, Failed):
        raise UnavailableError(report.message)
    return report
