"""Popularity: the same ranking for everybody. The baseline that any other model has to beat."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recstream.bundle import Constant
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.model import Family, FamilySettings, Serving


class PopularSettings(FamilySettings):
    """There is nothing to set."""


class PopularModel:
    """See `recstream_trainer.models.Model`. An item's score is the sum of its weights."""

    def __init__(
        self,
        settings: PopularSettings,  # noqa: ARG002 - of the shape that families share
        train: Interactions,
        catalogue: Catalogue,
        seed: int,  # noqa: ARG002
        device: str,  # noqa: ARG002
    ) -> None:
        self._train = train
        self._scores = np.zeros(catalogue.item_count, dtype=np.float32)

    def run_epoch(self) -> float:
        """See `Model`; the loss is the cross-entropy of the items under their own popularity, in nats."""
        weights = np.bincount(self._train.items, self._train.weights, minlength=len(self._scores))
        self._scores = weights.astype(np.float32)
        shares = weights[weights > 0] / weights.sum()
        return float(-(shares * np.log(shares)).sum())

    def finish(self) -> None:
        """See `Model`; nothing is left to do."""

    def score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Model`."""
        return np.tile(self._scores, (len(users), 1))

    def state(self) -> dict[str, NDArray[Any]]:
        """See `Model`."""
        return {"scores": self._scores.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See `Model`."""
        self._scores = state["scores"].copy()

    def serving(self) -> Serving:
        """See `Model`: vectors of one number, 1 for each user."""
        users = np.ones((self._train.user_count, 1), dtype=np.float32)
        return Serving(users, self._scores[:, None].copy(), Constant((1.0,)))


def _memory_bytes(settings: PopularSettings, users: int, items: int, interactions: int) -> int:  # noqa: ARG001
    return 8 * items + 4 * users


FAMILY: Final = Family(
    name="popular",
    summary="the most chosen items, the same for everybody",
    settings=PopularSettings,
    make=PopularModel,
    memory_bytes=_memory_bytes,
    single_pass=True,
)
