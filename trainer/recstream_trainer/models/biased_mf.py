"""Matrix factorisation of ratings with biases (Funk 2006; Koren et al. 2009), by SGD."""

from typing import Final

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


class BiasedMfSettings(RatingFactorSettings):
    """Settings of biased matrix factorisation."""


def make(
    settings: BiasedMfSettings,
    train: Interactions,
    catalogue: Catalogue,
    seed: int,
    device: str,  # noqa: ARG001 - of the shape that families share
) -> RatingFactorModel:
    """See `recstream_trainer.models.model.ModelMaker`."""
    return RatingFactorModel(settings, train, catalogue.item_count, seed, implicit=False)


def rate(settings: BiasedMfSettings, ratings: Ratings, seed: int) -> RatingFactorModel:
    """See `recstream_trainer.models.model.RaterMaker`."""
    model = RatingFactorModel(settings, interactions_of(ratings), ratings.item_count, seed, implicit=False)
    return train_on(model, settings.epochs)


FAMILY: Final = Family(
    name="biased_mf",
    summary="matrix factorisation of ratings with biases",
    settings=BiasedMfSettings,
    make=make,
    memory_bytes=memory_bytes,
    rate=rate,
    learns_ratings=True,
    quick={"dimension": 16, "epochs": 5},
)
