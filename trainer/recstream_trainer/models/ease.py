"""EASE: the best linear item-item model, in closed form (Steck 2019, "Embarrassingly shallow autoencoders")."""

from typing import Final

import torch
from pydantic import Field
from scipy.sparse import csr_array, vstack

from recstream._core import NeighbourScorer
from recstream.bundle import ItemNeighbours
from recstream.errors import ConfigurationError
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.model import Family, FamilySettings
from recstream_trainer.models.neighbour_model import (
    Csr,
    NeighbourModel,
    as_csr,
    largest_of_rows,
    user_item_matrix,
)

MAX_ITEMS: Final = 30_000
_BLOCK_ROWS = 1024


class EaseSettings(FamilySettings):
    """Settings of EASE."""

    regularization: float = Field(
        default=0.3, gt=0, description="lambda, as a multiple of the mean weight that an item has in all"
    )
    entries: int = Field(default=400, ge=1, description="entries of a row that are served, the largest")


class _Ease:
    def __init__(self, settings: EaseSettings, train: Interactions, item_count: int, device: str) -> None:
        if item_count > MAX_ITEMS:
            raise ConfigurationError(
                f"--model ease: has to invert a matrix of {item_count:,} x {item_count:,} items; it takes up to "
                f"{MAX_ITEMS:,}; raise data.min_item_interactions, or use item_knn or als"
            )
        self._settings = settings
        self._matrix = user_item_matrix(train, item_count)
        self._device = device

    def learn(self) -> tuple[Csr, float]:
        """B = I - P / diag(P), P the inverse of the regularised Gram matrix; its rows' largest entries.

        The loss is the mean over items of what is left of their squares: 1 / (P_ii G_ii).
        """
        gram = torch.from_numpy((self._matrix.T @ self._matrix).toarray()).to(self._device)
        squares = gram.diagonal().clone()
        penalty = self._settings.regularization * float(squares.mean())
        gram.diagonal().add_(max(penalty, 1e-6))
        inverse = torch.cholesky_inverse(torch.linalg.cholesky(gram))
        diagonal = inverse.diagonal().clone()
        inverse.div_(-diagonal)
        blocks = [
            largest_of_rows(block.cpu().numpy(), self._settings.entries, first)
            for first, block in zip(range(0, len(inverse), _BLOCK_ROWS), torch.split(inverse, _BLOCK_ROWS), strict=True)
        ]
        left = float((1 / (diagonal * (squares + penalty))).mean())
        return as_csr(csr_array(vstack(blocks, format="csr"))), left


def make(settings: EaseSettings, train: Interactions, catalogue: Catalogue, seed: int, device: str) -> NeighbourModel:  # noqa: ARG001
    """See `recstream_trainer.models.model.ModelMaker`; nothing is random."""
    ease = _Ease(settings, train, catalogue.item_count, device)
    return NeighbourModel(
        train, catalogue.item_count, learn=ease.learn, scorer=NeighbourScorer.items, encoder=ItemNeighbours()
    )


def _memory_bytes(settings: EaseSettings, users: int, items: int, interactions: int) -> int:  # noqa: ARG001
    # The Gram matrix, its factor and the inverse in float64.
    return 3 * 8 * items * items + 2 * interactions * 16 + items * min(settings.entries, items) * 24


FAMILY: Final = Family(
    name="ease",
    summary="EASE: the best linear item-item model in closed form; served by neighbours",
    settings=EaseSettings,
    make=make,
    memory_bytes=_memory_bytes,
    fades=True,
    single_pass=True,
    quick={"entries": 50},
)
