"""Matrix factorisation of ratings with biases (Funk 2006; Koren et al. 2009), by SGD."""

from typing import Final

from recstream_trainer.models.rating_factors import RatingFactorSettings, rating_family


class BiasedMfSettings(RatingFactorSettings):
    """Settings of biased matrix factorisation."""


FAMILY: Final = rating_family(
    name="biased_mf",
    summary="matrix factorisation of ratings with biases",
    settings=BiasedMfSettings,
    implicit=False,
)
