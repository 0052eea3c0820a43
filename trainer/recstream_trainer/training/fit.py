"""Fitting a model: look for the best epoch on the validation split, then train on everything."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from recstream.errors import RecstreamError
from recstream_trainer.evaluation import Interactions, Split
from recstream_trainer.evaluation.metrics import per_user_metrics
from recstream_trainer.evaluation.ranking import rank_items
from recstream_trainer.models import Model
from recstream_trainer.models.epoch_share import tell
from recstream_trainer.peers import present_peers
from recstream_trainer.training.run_state import EpochRecord, RunState
from recstream_trainer.training.settings import TrainingSettings

_VALIDATION_K = 10

StoppedBy = Literal["epochs", "patience", "interruption"]


class InterruptedBeforeFirstEpochError(RecstreamError):
    """Training was told to stop before there was anything to keep."""

    reason = "INTERRUPTED"


class Observer(Protocol):
    """Sees a run go by: a progress bar, a checkpoint writer."""

    def begin(self, state: RunState, epochs: int) -> None:
        """A stage of at most this many epochs begins, or goes on."""

    def epoch(self, state: RunState, model: Model) -> None:
        """An epoch is done and noted in the state."""

    def end(self, state: RunState, model: Model, stopped_by: StoppedBy) -> None:
        """The stage is over."""


@dataclass(frozen=True)
class Plan:
    """What to fit.

    Attributes
    ----------
    make : callable
        Training interactions to an untrained model, always the same one.
    split : Split
    settings : TrainingSettings
    seed : int
        Of the choice of validation users.
    refit : bool
        Train on everything in the end; otherwise the model of the best epoch stays as it is.
    onward_share : float
        The final fit goes on from the best epoch, by this share of as many epochs; 0 starts it anew, for all of them.
    """

    make: Callable[[Interactions], Model]
    split: Split
    settings: TrainingSettings
    seed: int
    refit: bool
    onward_share: float = 0.0

    @property
    def most_final_epochs(self) -> int:
        """How many epochs the final fit takes at most."""
        return self.final_epochs(self.settings.max_epochs) if self.refit else 0

    def final_epochs(self, best_epoch: int) -> int:
        """How many epochs the final fit takes."""
        return math.ceil(best_epoch * (self.onward_share or 1))


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model that is ready to serve.

    Attributes
    ----------
    model : Model
        Finished: its scores are those that the server will give.
    state : RunState
    stopped_by : StoppedBy
        What ended the run.
    saw_validation : bool
        The model was trained on the validation part as well.
    """

    model: Model
    state: RunState
    stopped_by: StoppedBy
    saw_validation: bool


def fit(
    plan: Plan, state: RunState, *, observers: Sequence[Observer] = (), stop: Callable[[], bool] = lambda: False
) -> Fitted:
    """Fit a model.

    Parameters
    ----------
    plan : Plan
    state : RunState
        A new one, or that of a checkpoint to go on from; changed in place.
    observers : sequence of Observer
    stop : callable
        Asked before every epoch; True ends the run with the best model so far.

    Raises
    ------
    InterruptedBeforeFirstEpochError
        There is no model so far.
    """
    run = _Run(plan, state, observers, stop)
    stopped_by: StoppedBy = "epochs"
    if state.stage == "select":
        model = plan.make(plan.split.train)
        stopped_by = run.stage(model, plan.settings.max_epochs, _Validation(plan))
        if stopped_by == "interruption" or not plan.refit:
            return run.best(model, stopped_by)
        state.begin_refit()
    model = plan.make(plan.split.train.followed_by(plan.split.validation))
    if plan.onward_share and not state.current:
        state.current = state.best
    if run.stage(model, plan.final_epochs(state.best_epoch), None) == "interruption":
        return run.best(plan.make(plan.split.train), "interruption")
    model.finish()
    return Fitted(model, state, stopped_by, saw_validation=True)


@dataclass(frozen=True)
class _Run:
    plan: Plan
    state: RunState
    observers: Sequence[Observer]
    stop: Callable[[], bool]

    def stage(self, model: Model, epochs: int, validation: "_Validation | None") -> StoppedBy:
        if self.state.current:
            model.restore(self.state.current)
        for observer in self.observers:
            observer.begin(self.state, epochs)
        stopped_by: StoppedBy | None = "epochs" if self.state.epoch >= epochs else None
        while stopped_by is None:
            stopped_by = "interruption" if self.stop() else self.epoch(model, epochs, validation)
        for observer in self.observers:
            observer.end(self.state, model, stopped_by)
        return stopped_by

    def epoch(self, model: Model, epochs: int, validation: "_Validation | None") -> StoppedBy | None:
        state, settings = self.state, self.plan.settings
        started = time.perf_counter()
        loss = model.run_epoch()
        tell(1, 1)
        number = state.epoch + 1
        due = number % settings.evaluate_every == 0 or number == epochs
        metric = validation(model) if validation is not None and due else None
        if state.note(EpochRecord(state.stage, number, loss, metric, time.perf_counter() - started)):
            state.best = model.state()
        for observer in self.observers:
            observer.epoch(state, model)
        if number == epochs:
            return "epochs"
        out_of_patience = state.stage == "select" and state.validations_since_best >= settings.patience
        return "patience" if out_of_patience else None

    def best(self, model: Model, stopped_by: StoppedBy) -> Fitted:
        if self.state.best_epoch == 0:
            raise InterruptedBeforeFirstEpochError("stopped before the first epoch was done; there is no model to keep")
        model.restore(self.state.best)
        model.finish()
        return Fitted(model, self.state, stopped_by, saw_validation=False)


class _Validation:
    """Judges a model on some users of the validation split; gives None where nobody can be judged."""

    def __init__(self, plan: Plan) -> None:
        self._split = plan.split
        self._metric = plan.settings.metric.removesuffix(f"@{_VALIDATION_K}")
        held_out: NDArray[np.int64] = np.flatnonzero(plan.split.validation.counts)
        most = min(plan.settings.validation_users, len(held_out))
        self._users = np.sort(np.random.default_rng(plan.seed).choice(held_out, most, replace=False))
        self._peers = present_peers()

    def __call__(self, model: Model) -> float | None:
        if not len(self._users):
            return None
        return self._peers.of_first(self._judge(model) if self._peers.is_first else 0.0)

    def _judge(self, model: Model) -> float:
        split = self._split
        rankings = rank_items(
            model.score, split.train, split.validation, k=_VALIDATION_K, users=self._users, among=split.validation_items
        )
        if self._metric == "auc":
            # Whoever could be given nothing but their targets is judged like by chance.
            return float(np.nan_to_num(rankings.auc, nan=0.5).mean())
        return float(per_user_metrics(rankings, _VALIDATION_K)[self._metric].mean())
