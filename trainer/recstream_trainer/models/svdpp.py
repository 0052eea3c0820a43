"""SVD++: ratings by factors, and by what somebody rated at all (Koren 2008), by SGD."""

from typing import Final

from pydantic import Field

from recstream_trainer.evaluation import Interactions
from recstream_trainer.evaluation.rating_accuracy import Ratings
from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.model import Family
from recstream_trainer.models.rating_factors import (
    RatingFactorModel,
    RatingFactorSettings,
    interactions_of,
    memory_bytes,
    train_on,
)


class SvdppSettings(RatingFactorSettings):
    """Settings of SVD++."""

    dimension: int = Field(default=50, ge=1, le=2046, description="numbers in a vector, without biases")
    learning_rate: float = Field(default=0.007, gt=0, description="length of a step")


def make(
    settings: SvdppSettings,
    train: Interactions,
    catalogue: Catalogue,
    seed: int,
    device: str,  # noqa: ARG001 - of the shape that families share
) -> RatingFactorModel:
    """See `recstream_trainer.models.model.ModelMaker`."""
    return RatingFactorModel(settings, train, catalogue.item_count, seed, implicit=True)


def rate(settings: SvdppSettings, ratings: Ratings, seed: int) -> RatingFactorModel:
    """See `recstream_trainer.models.model.RaterMaker`."""
    model = RatingFactorModel(settings, interactions_of(ratings), ratings.item_count, seed, implicit=True)
    return train_on(model, settings.epochs)


FAMILY: Final = Family(
    name="svdpp",
    summary="SVD++: ratings by factors, biases, and by what somebody rated at all",
    settings=SvdppSettings,
    make=make,
    memory_bytes=memory_bytes,
    rate=rate,
    learns_ratings=True,
    quick={"dimension": 16, "epochs": 5},
)
