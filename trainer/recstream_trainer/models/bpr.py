"""Bayesian personalised ranking (Rendle et al. 2009): what somebody has before what they have not, pair by pair."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from recstream import _core
from recstream.bundle import AlsFoldIn
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.model import Family, FamilySettings, Serving
from recstream_trainer.models.neighbour_model import as_csr, user_item_matrix
from recstream_trainer.models.predecessor import Predecessor

_FOLD_IN_RATIO = 16.0
"""As `als`: confidence in all unseen pairs being unwanted, as a multiple of that in all seen."""


class BprSettings(FamilySettings):
    """Settings of BPR."""

    dimension: int = Field(default=64, ge=1, le=2047, description="numbers in a vector, without the item's bias")
    learning_rate: float = Field(default=0.2, gt=0, description="length of a step")
    decay: float = Field(default=0.9, gt=0, le=1, description="factor of the learning rate from epoch to epoch")
    regularization: float = Field(default=0.008, ge=0, description="how strongly vectors and biases are kept short")
    initial_stdev: float = Field(default=0.1, gt=0, description="length of the first random vectors")


class BprModel:
    """See `recstream_trainer.models.Model`. Items have a bias as last number, users a 1.

    The core takes the steps, one for each positive and drawn at random: see `recstream._core.bpr_epoch`.
    """

    def __init__(
        self,
        settings: BprSettings,
        train: Interactions,
        catalogue: Catalogue,
        seed: int,
        device: str,  # noqa: ARG002 - of the shape that families share
    ) -> None:
        item_count = catalogue.item_count
        self._settings = settings
        self._seed = seed
        self._positives = as_csr(user_item_matrix(train, item_count))
        self._cells = max(train.user_count * item_count, 1)
        rng = np.random.default_rng(seed)
        scale = settings.initial_stdev / settings.dimension**0.5
        shapes = (train.user_count, settings.dimension + 1), (item_count, settings.dimension + 1)
        users, items = (rng.normal(0, scale, shape).astype(np.float32) for shape in shapes)
        users[:, -1], items[:, -1] = 1, 0
        self._state: dict[str, NDArray[Any]] = {"users": users, "items": items, "epoch": np.array(0)}

    def run_epoch(self) -> float:
        """See `Model`; the loss is that of a step, on average."""
        state, settings = self._state, self._settings
        epoch = int(state["epoch"])
        drawn = np.random.default_rng((self._seed, epoch)).integers(2**63)
        loss = _core.bpr_epoch(
            self._positives,
            users=state["users"],
            items=state["items"],
            seed=int(drawn),
            learning_rate=settings.learning_rate * settings.decay**epoch,
            regularization=settings.regularization,
        )
        state["epoch"] = np.array(epoch + 1)
        return loss / max(len(self._positives[1]), 1)

    def finish(self) -> None:
        """See `Model`; nothing is left to do."""

    def score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Model`."""
        scores: NDArray[np.float32] = self._state["users"][users] @ self._state["items"].T
        return scores

    def inherit(self, predecessor: Predecessor) -> None:
        """See `Heir`: the vectors of users and items that both know."""
        state, settings = self._state, self._settings
        state["users"] = predecessor.vectors(state["users"], predecessor.user_vectors, predecessor.user_rows, settings)
        state["items"] = predecessor.vectors(state["items"], predecessor.item_vectors, predecessor.item_rows, settings)

    def state(self) -> dict[str, NDArray[Any]]:
        """See `Model`."""
        return {name: array.copy() for name, array in self._state.items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See `Model`."""
        self._state = {name: array.copy() for name, array in state.items()}

    def serving(self) -> Serving:
        """See `Model`; with live events the server folds the user in as implicit ALS does, over these item vectors."""
        unobserved = _FOLD_IN_RATIO * len(self._positives[1]) / self._cells
        return Serving(self._state["users"], self._state["items"], AlsFoldIn(unobserved, 0.01, 1.0))


def _memory_bytes(settings: BprSettings, users: int, items: int, interactions: int) -> int:
    return interactions * 28 + 3 * (users + items) * (settings.dimension + 1) * 4


FAMILY: Final = Family(
    name="bpr",
    summary="BPR: vectors that rank what somebody has above what they have not",
    settings=BprSettings,
    make=BprModel,
    memory_bytes=_memory_bytes,
    inherits="ids",
    quick={"dimension": 16},
)
