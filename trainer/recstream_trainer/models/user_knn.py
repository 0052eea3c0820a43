"""User kNN: a user gets what the people most like them had (Resnick et al. 1994)."""

from functools import partial
from typing import Final

import numpy as np
from pydantic import Field
from scipy.sparse import csr_array

from recstream._core import NeighbourScorer
from recstream.bundle import UserNeighbours
from recstream_trainer.evaluation import Interactions
from recstream_trainer.evaluation.rating_accuracy import Ratings
from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.item_similarity import Weighting, rarity, weigh_matrix
from recstream_trainer.models.model import Family
from recstream_trainer.models.neighbour_model import Csr, NeighbourModel, as_csr, user_item_matrix
from recstream_trainer.models.rating_knn import KnnRatings, RatingKnnSettings


class UserKnnSettings(RatingKnnSettings):
    """Settings of user kNN."""

    weighting: Weighting = Field(default="tfidf", description="what an item counts for: none, tfidf or bm25")
    neighbours: int = Field(default=200, ge=1, description="most similar users, whose items are recommended")
    shrinkage: float = Field(default=0, ge=0, description="common items at which a similarity counts half")


def profiles(matrix: csr_array, weighting: Weighting) -> csr_array:
    """What histories are matched with, float64 (U, N): inner products with raw weights are cosines of weighed ones.

    But for the length of the history, by which all similarities of one are divided alike. Rare items count for more.
    """
    by_item = csr_array(matrix.T)
    weighed = csr_array(weigh_matrix(by_item, weighting).T)
    lengths = np.sqrt(np.asarray(weighed.multiply(weighed).sum(axis=1)).ravel())
    scale = np.divide(1, lengths, out=np.zeros_like(lengths), where=lengths > 0)
    owners = np.repeat(np.arange(matrix.shape[0]), np.diff(weighed.indptr))
    values = weighed.data * scale[owners]
    if weighting != "none":
        values *= rarity(by_item)[weighed.indices]
    return csr_array((values, weighed.indices, weighed.indptr), shape=matrix.shape)


def make(
    settings: UserKnnSettings,
    train: Interactions,
    catalogue: Catalogue,
    seed: int,  # noqa: ARG001 - of the shape that families share
    device: str,  # noqa: ARG001
) -> NeighbourModel:
    """See `recstream_trainer.models.model.ModelMaker`; nothing is random."""

    def learn() -> tuple[Csr, float]:
        return as_csr(profiles(user_item_matrix(train, catalogue.item_count), settings.weighting)), 0.0

    scorer = partial(
        NeighbourScorer.users,
        votes=(train.indptr, train.items, train.weights),
        item_count=catalogue.item_count,
        neighbours=settings.neighbours,
        shrinkage=settings.shrinkage,
    )
    encoder = UserNeighbours(settings.neighbours, settings.shrinkage)
    return NeighbourModel(train, catalogue.item_count, learn=learn, scorer=scorer, encoder=encoder)


def rate(settings: UserKnnSettings, ratings: Ratings, seed: int) -> KnnRatings:  # noqa: ARG001
    """See `recstream_trainer.models.model.RaterMaker`; nothing is random."""
    return KnnRatings(settings, ratings, "users")


def _memory_bytes(settings: UserKnnSettings, users: int, items: int, interactions: int) -> int:  # noqa: ARG001
    return interactions * 120 + (users + items) * 32


FAMILY: Final = Family(
    name="user_knn",
    summary="user kNN: what the people most like somebody had; served by neighbours",
    settings=UserKnnSettings,
    make=make,
    memory_bytes=_memory_bytes,
    fades=True,
    single_pass=True,
    rate=rate,
    quick={"neighbours": 50},
)
