"""What a person sees while a model trains."""

import resource
import time

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from recstream_trainer.models import Model
from recstream_trainer.training.fit import StoppedBy
from recstream_trainer.training.run_state import RunState

_TITLES = {"select": "choosing", "refit": "final fit"}
_LINE_EVERY_S = 1.0
_SHARE_EVERY_S = 30.0
_SHOWN_AFTER_S = 5.0
"""Seconds of steps that tell how fast the rest will go."""


def duration(seconds: float) -> str:
    """Seconds for people: ``42 s``, ``12 min``, ``3.5 h``."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def peak_gib() -> float:
    """The most memory that this process had so far, in GiB."""
    kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return kib / 1024**2


class ProgressReporter:
    """A bar with loss, validation metric and time left; plain lines where there is no terminal. An `Observer` of `fit`.

    Parameters
    ----------
    console : rich Console
    metric : str
        Name of the validation metric.
    final_epochs : int
        That may follow when the best epoch is found: the final fit's.
    """

    def __init__(self, console: Console, metric: str, final_epochs: int = 0) -> None:
        self._console = console
        self._metric = metric
        self._bar: Progress | None = None
        self._task = TaskID(0)
        self._epochs = 0
        self._line_at = 0.0
        self._final_epochs = final_epochs
        self._began = 0.0
        self._left = 0
        self._foretold = False
        self._done = 0

    def begin(self, state: RunState, epochs: int) -> None:
        """See `Observer`."""
        self._epochs, self._line_at, self._done = epochs, 0.0, state.epoch
        self._began = time.perf_counter()
        self._left = epochs - state.epoch + (self._final_epochs if state.stage == "select" else 0)
        if not self._console.is_terminal:
            return
        columns = (
            TextColumn("{task.description}"),
            BarColumn(bar_width=10),  # the whole line fits into 80 columns
            MofNCompleteColumn(),
            TextColumn("{task.fields[figures]} left"),
            TimeRemainingColumn(compact=True),
        )
        self._bar = Progress(*columns, console=self._console)
        self._task = self._bar.add_task(_TITLES[state.stage], total=epochs, completed=state.epoch, figures="")
        self._bar.start()

    def share(self, done: float) -> None:
        """A share of an epoch is done: a `recstream_trainer.models.epoch_share.Listener`.

        Once a few steps have shown how fast this goes, one line says how long all epochs will take and how much memory
        they took so far; in long epochs more follow.
        """
        now = time.perf_counter()
        elapsed = now - self._began
        if not self._foretold and (elapsed >= _SHOWN_AFTER_S or done >= 1):
            self._foretold = True
            self._foretell(elapsed / done)
        if self._bar is not None:
            self._bar.update(self._task, completed=self._done + done)
        elif done < 1 and now - max(self._line_at, self._began) >= _SHARE_EVERY_S:
            self._line_at = now
            self._print(f"epoch {self._done + 1}: {done:.0%}, {duration(elapsed / done * (1 - done))} left of it")

    def _foretell(self, epoch_s: float) -> None:
        self._print(
            f"an epoch takes about {duration(epoch_s)}: {duration(epoch_s * self._left)} for {self._left} at most, "
            f"without validation; {peak_gib():.1f} GiB of memory so far"
        )

    def _print(self, line: str) -> None:
        self._console.print(line, highlight=False, soft_wrap=True)

    def epoch(self, state: RunState, model: Model) -> None:  # noqa: ARG002 - the shape that observers share
        """See `Observer`."""
        self._began, self._done = time.perf_counter(), state.epoch
        if self._bar is not None:
            self._bar.update(self._task, completed=state.epoch, figures=self._figures(state))
        elif state.epoch in (1, self._epochs) or time.perf_counter() - self._line_at >= _LINE_EVERY_S:
            self._print_line(state)

    def _print_line(self, state: RunState) -> None:
        self._line_at = time.perf_counter()
        seconds = state.records[-1].seconds * (self._epochs - state.epoch)
        title = _TITLES[state.stage]
        self._print(
            f"{title}: epoch {state.epoch}/{self._epochs}, {self._figures(state)}, {duration(seconds)} left at most"
        )

    def _figures(self, state: RunState) -> str:
        loss = state.records[-1].loss
        text = f"loss {loss:,.0f}" if loss >= 1000 else f"loss {loss:.4g}"
        metric = state.records[-1].metric
        if metric is not None:
            text += f" {self._metric} {metric:.4f} best {state.best_metric:.4f}"
        return text

    def end(self, state: RunState, model: Model, stopped_by: StoppedBy) -> None:  # noqa: ARG002
        """See `Observer`."""
        if self._bar is not None:
            self._bar.stop()
            self._bar = None
        reasons = {"patience": "no better for a while", "interruption": "told to stop", "epochs": "all epochs done"}
        best = f", best epoch {state.best_epoch}" if state.stage == "select" else ""
        self._print(f"{_TITLES[state.stage]}: stopped after epoch {state.epoch}{best} ({reasons[stopped_by]})")
