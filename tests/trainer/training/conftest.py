"""A model with a planned course, and a split that its scores are judged on."""

from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from recstream_trainer.evaluation import Interactions, Split
from recstream_trainer.models import Model, Serving
from recstream_trainer.training.fit import Plan
from recstream_trainer.training.settings import TrainingSettings

USERS, ITEMS = 10, 5


class PlannedModel:
    """In epoch n it puts the held-out item, 4, on the place that the plan says."""

    def __init__(self, places: Sequence[int], train: Interactions) -> None:
        self._places = places
        self.train = train
        self.epochs = 0
        self.finished = False

    def run_epoch(self) -> float:
        self.epochs += 1
        return 1 / self.epochs

    def finish(self) -> None:
        self.finished = True

    def score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        row = -np.arange(ITEMS, dtype=np.float32)
        row[4] = 0.5 - self._places[self.epochs - 1]
        return np.tile(row, (len(users), 1))

    def state(self) -> dict[str, NDArray[Any]]:
        return {"epochs": np.array(self.epochs)}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        self.epochs = int(state["epochs"])

    def serving(self) -> Serving:
        raise NotImplementedError


@pytest.fixture
def split() -> Split:
    """Everybody had item 0 and then took item 4."""
    everybody = np.arange(USERS)
    train, validation = (Interactions.from_rows(everybody, np.full(USERS, item), None, USERS) for item in (0, 4))
    nothing = Interactions.from_rows(everybody[:0], everybody[:0], None, USERS)
    ids = [f"u{user}" for user in everybody]
    codes = np.arange(ITEMS)
    return Split(None, 1, train, validation, nothing, ids, [f"i{i}" for i in codes], everybody, codes, "train")


@pytest.fixture
def after() -> Callable[[int], Callable[[], bool]]:
    """A way to ask to stop after so many epochs, counted over both stages."""

    def make(epochs: int) -> Callable[[], bool]:
        asked = count()
        return lambda: next(asked) >= epochs

    return make


MakePlan = Callable[..., Plan]


@pytest.fixture
def plan(split: Split) -> MakePlan:
    def make(places: Sequence[int], *, refit: bool = False, **settings: Any) -> Plan:
        def model(train: Interactions) -> Model:
            return PlannedModel(places, train)

        chosen = TrainingSettings.model_validate({"max_epochs": len(places)} | settings)
        return Plan(model, split, chosen, seed=1, refit=refit)

    return make
