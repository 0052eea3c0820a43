"""Where a run stands: enough, with the model's own state, to go on as if it had never stopped."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]

Stage = Literal["select", "refit"]
"""``select`` looks for the best epoch on the validation split; ``refit`` trains on everything for as many epochs."""


@dataclass(frozen=True)
class EpochRecord:
    """What an epoch came to."""

    stage: Stage
    epoch: int
    """From 1 in each stage."""
    loss: float
    metric: float | None
    """On the validation split, larger is better; None where the epoch was not validated."""
    seconds: float
    """Wall time with validation."""


@dataclass
class RunState:
    """Where a run stands.

    Attributes
    ----------
    stage : Stage
    epoch : int
        Epochs done in this stage.
    best_epoch : int
        The best of the stage ``select`` by validation, else its last; 0 before the first.
    best_metric : float or None
    validations_since_best : int
    current, best : arrays
        The model's state now (kept up to date only for checkpoints) and after `best_epoch`.
    records : list of EpochRecord
    """

    stage: Stage = "select"
    epoch: int = 0
    best_epoch: int = 0
    best_metric: float | None = None
    validations_since_best: int = 0
    records: list[EpochRecord] = field(default_factory=list)
    current: Arrays = field(default_factory=dict)
    best: Arrays = field(default_factory=dict)

    def note(self, record: EpochRecord) -> bool:
        """Take an epoch into account; whether it is the best so far."""
        self.epoch = record.epoch
        self.records.append(record)
        if self.stage == "refit":
            return False
        if record.metric is None:
            better = self.best_metric is None
        else:
            better = self.best_metric is None or record.metric > self.best_metric
            self.best_metric = record.metric if better else self.best_metric
            self.validations_since_best = 0 if better else self.validations_since_best + 1
        if better:
            self.best_epoch = record.epoch
        return better

    def to_json(self) -> dict[str, Any]:
        """Everything but the arrays, JSON-ready."""
        plain = {name: value for name, value in vars(self).items() if name not in ("current", "best", "records")}
        return plain | {"records": [asdict(record) for record in self.records]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any], current: Arrays, best: Arrays) -> "RunState":
        """The inverse of `to_json`."""
        records = [EpochRecord(**record) for record in value["records"]]
        return cls(**{**value, "records": records}, current=current, best=best)

    def begin_refit(self) -> None:
        """Go to the second stage."""
        self.stage, self.epoch, self.current = "refit", 0, {}
