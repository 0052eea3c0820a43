"""Implicit ALS (Hu et al. 2008) with the objective and the lessons of Rendle et al. 2021."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import Field

from recstream.bundle import AlsFoldIn
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.half_step import Objective, cholesky, conjugate_gradient
from recstream_trainer.models.model import Family, FamilySettings, Serving
from recstream_trainer.models.observed import Observed
from recstream_trainer.models.predecessor import Predecessor


class AlsSettings(FamilySettings):
    """Settings of implicit ALS; `half_step` states the objective."""

    dimension: int = Field(default=64, ge=1, le=2048, description="numbers in a vector")
    unobserved_ratio: float = Field(
        default=16, ge=0, description="confidence in all unseen pairs being unwanted, as a multiple of that in all seen"
    )
    regularization: float = Field(default=0.006, gt=0, description="how strongly vectors are kept short")
    regularization_exponent: float = Field(
        default=1, ge=0, le=2, description="0: the same for everybody; 1: in proportion to the number of observations"
    )
    initial_stdev: float = Field(default=0.1, gt=0, description="length of the first random vectors")
    solver: Literal["cg", "cholesky"] = Field(default="cg", description="conjugate gradient (fast) or exact half steps")
    cg_steps: int = Field(default=3, ge=1, le=100, description="steps of conjugate gradient in a half step")


class AlsModel:
    """See `recstream_trainer.models.Model`. An epoch is a half step for the items, then one for the users.

    The users come last so that their vectors belong to the items' as they are, which is also what the server's fold-in
    makes of them.
    """

    def __init__(
        self, settings: AlsSettings, train: Interactions, catalogue: Catalogue, seed: int, device: str
    ) -> None:
        self._settings = settings
        users, items = train.users, train.items.astype(np.int64)
        shape = train.user_count, catalogue.item_count
        # Relative to what was seen, one value suits data sets of any size and density: the best weights that Rendle et
        # al. found for three sets come to ratios of 14 to 30.
        unobserved_weight = (
            settings.unobserved_ratio * float(train.weights.sum(dtype=np.float64)) / (shape[0] * shape[1])
        )
        self._objective = Objective(unobserved_weight, settings.regularization, settings.regularization_exponent)
        self._by_user = Observed(users, items, train.weights, shape, device)
        self._by_item = Observed(items, users, train.weights, shape[::-1], device)
        generator = torch.Generator().manual_seed(seed)
        scale = settings.initial_stdev / settings.dimension**0.5
        # Drawn on the CPU whatever the device, so that a seed means the same vectors everywhere.
        users_start, items_start = (scale * torch.randn(n, settings.dimension, generator=generator) for n in shape)
        # Who has no observation has the zero vector as optimum; conjugate gradient stays there only from the start.
        self._users = users_start.to(device) * (self._by_user.counts > 0)[:, None]
        self._items = items_start.to(device) * (self._by_item.counts > 0)[:, None]

    @torch.inference_mode()
    def run_epoch(self) -> float:
        """See `Model`; the loss is the whole objective."""
        self._items = self._half_step(self._by_item, self._users, self._items)
        self._users = self._half_step(self._by_user, self._items, self._users)
        return self._objective.loss(self._users, self._items, self._by_user, self._by_item)

    def _half_step(self, observed: Observed, fixed: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        if self._settings.solver == "cholesky":
            return cholesky(observed, fixed, self._objective)
        return conjugate_gradient(observed, fixed, start, self._objective, self._settings.cg_steps)

    @torch.inference_mode()
    def finish(self) -> None:
        """See `Model`: solves the users exactly, as the server's fold-in does."""
        self._users = cholesky(self._by_user, self._items, self._objective)

    @torch.inference_mode()
    def score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Model`."""
        chosen = self._users[torch.from_numpy(users).to(self._users.device)]
        scores: NDArray[np.float32] = (chosen @ self._items.T).cpu().numpy()
        return scores

    def inherit(self, predecessor: Predecessor) -> None:
        """See `Heir`: the vectors of users and items that both know."""
        state = self.state()
        pairs = (
            ("users", predecessor.user_vectors, predecessor.user_rows, self._by_user.counts),
            ("items", predecessor.item_vectors, predecessor.item_rows, self._by_item.counts),
        )
        for name, inherited, rows, counts in pairs:
            observed = np.where(counts.cpu().numpy() > 0, rows, -1)
            state[name] = predecessor.vectors(state[name], inherited, observed, self._settings)
        self.restore(state)

    def state(self) -> dict[str, NDArray[Any]]:
        """See `Model`."""
        return {"users": self._users.cpu().numpy().copy(), "items": self._items.cpu().numpy().copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See `Model`."""
        self._users = torch.from_numpy(state["users"].copy()).to(self._users.device)
        self._items = torch.from_numpy(state["items"].copy()).to(self._items.device)

    def serving(self) -> Serving:
        """See `Model`; somebody whose history has no influence gets the mean of the others' vectors."""
        state = self.state()
        known = self._by_user.counts.cpu().numpy() > 0
        if known.any():
            state["users"][~known] = state["users"][known].mean(axis=0)
        objective = self._objective
        encoder = AlsFoldIn(objective.unobserved_weight, objective.regularization, objective.regularization_exponent)
        return Serving(state["users"], state["items"], encoder)


def _memory_bytes(settings: AlsSettings, users: int, items: int, interactions: int) -> int:
    # Both sides: the pairs' columns, weights and pattern, and while they are sorted, eight bytes four times; for the
    # vectors, those before and after a half step and the best so far. What a part takes meanwhile is small.
    return 2 * interactions * 3 * 4 + interactions * 4 * 8 + (users + items) * settings.dimension * 4 * 3


FAMILY: Final = Family(
    name="als",
    summary="implicit ALS: one vector a user and an item; live events by an exact fold-in",
    settings=AlsSettings,
    make=AlsModel,
    memory_bytes=_memory_bytes,
    fades=True,
    inherits="ids",
    quick={"dimension": 32},
)
