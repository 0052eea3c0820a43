"""Item kNN: a user gets what is most like the items they had (Sarwar et al. 2001)."""

from typing import Final

from pydantic import Field
from scipy.sparse import csr_array

from recstream._core import NeighbourScorer
from recstream.bundle import ItemNeighbours
from recstream_trainer.evaluation import Interactions
from recstream_trainer.evaluation.rating_accuracy import Ratings
from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.item_similarity import Similarity, Weighting, item_neighbours, weigh_matrix
from recstream_trainer.models.model import Family
from recstream_trainer.models.neighbour_model import Csr, NeighbourModel, as_csr, user_item_matrix
from recstream_trainer.models.rating_knn import KnnRatings, RatingKnnSettings


class ItemKnnSettings(RatingKnnSettings):
    """Settings of item kNN."""

    similarity: Similarity = Field(default="cosine", description="cosine, adjusted_cosine or pearson")
    weighting: Weighting = Field(default="tfidf", description="what a user's items count for: none, tfidf or bm25")
    neighbours: int = Field(default=100, ge=1, description="most similar items that an item's score is made from")
    shrinkage: float = Field(default=20, ge=0, description="common users at which a similarity counts half")


def make(
    settings: ItemKnnSettings,
    train: Interactions,
    catalogue: Catalogue,
    seed: int,  # noqa: ARG001 - of the shape that families share
    device: str,  # noqa: ARG001
) -> NeighbourModel:
    """See `recstream_trainer.models.model.ModelMaker`; nothing is random."""

    def learn() -> tuple[Csr, float]:
        matrix = weigh_matrix(user_item_matrix(train, catalogue.item_count), settings.weighting)
        similar = item_neighbours(matrix, settings.similarity, shrinkage=settings.shrinkage, count=settings.neighbours)
        # Row i has what i is like; the core wants, in row h, whom h speaks for.
        return as_csr(csr_array(similar.T)), 0.0

    return NeighbourModel(
        train, catalogue.item_count, learn=learn, scorer=NeighbourScorer.items, encoder=ItemNeighbours()
    )


def rate(settings: ItemKnnSettings, ratings: Ratings, seed: int) -> KnnRatings:  # noqa: ARG001
    """See `recstream_trainer.models.model.RaterMaker`; nothing is random."""
    return KnnRatings(settings, ratings, "items")


def _memory_bytes(settings: ItemKnnSettings, users: int, items: int, interactions: int) -> int:  # noqa: ARG001
    # Pairs by user and by item; blocks of dense similarities with their products and common users; the neighbours.
    return 2 * interactions * 12 * 2 + 4 * max(8 << 23, 8 * items) + items * min(settings.neighbours, items) * 24


FAMILY: Final = Family(
    name="item_knn",
    summary="item kNN: what is most like the items that somebody had; served by neighbours",
    settings=ItemKnnSettings,
    make=make,
    memory_bytes=_memory_bytes,
    fades=True,
    single_pass=True,
    rate=rate,
    quick={"neighbours": 20},
)
