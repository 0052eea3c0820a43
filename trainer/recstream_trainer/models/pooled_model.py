"""What families have in common whose users are the mean of what they had."""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recstream.bundle import DecayedPooling
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models.model import Serving

_NO_DECAY: Final = 1e9
"""Events in which a weight halves: never. What fades does so by its weight, as ``data.half_life`` says."""


class PooledModel:
    """See `recstream_trainer.models.Model`. A user is the weighted mean of the vectors of their items.

    Parameters
    ----------
    train : Interactions
        Whose histories are pooled.
    learn : callable
        Makes the item vectors, float32 (N, d), and the loss to report.
    """

    def __init__(self, train: Interactions, learn: Callable[[], tuple[NDArray[np.float32], float]]) -> None:
        self._train = train
        self._learn = learn
        self._items: NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)

    def run_epoch(self) -> float:
        """See `Model`."""
        self._items, loss = self._learn()
        return loss

    def finish(self) -> None:
        """See `Model`; nothing is left to do."""

    def score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Model`."""
        return self._pooled(users) @ self._items.T

    def _pooled(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        train = self._train
        shape = train.user_count, len(self._items)
        weights = csr_array((train.weights.astype(np.float64), train.items, train.indptr), shape=shape)[users]
        totals = np.abs(weights).sum(axis=1)
        pooled = (weights @ self._items.astype(np.float64)) / np.where(totals > 0, totals, 1)[:, None]
        return np.asarray(pooled, dtype=np.float32)

    def state(self) -> dict[str, NDArray[Any]]:
        """See `Model`."""
        return {"items": self._items.copy()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See `Model`."""
        self._items = state["items"].copy()

    def serving(self) -> Serving:
        """See `Model`; somebody without a history gets the mean of the others' vectors."""
        users = self._pooled(np.arange(self._train.user_count))
        known = self._train.counts > 0
        if known.any():
            users[~known] = users[known].mean(axis=0)
        return Serving(users, self._items.copy(), DecayedPooling(_NO_DECAY))
