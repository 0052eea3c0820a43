"""SVD++: ratings by factors, and by what somebody rated at all (Koren 2008), by SGD."""

from typing import Final

from pydantic import Field

from recstream_trainer.models.rating_factors import RatingFactorSettings, rating_family


class SvdppSettings(RatingFactorSettings):
    """Settings of SVD++."""

    dimension: int = Field(default=50, ge=1, le=2046, description="numbers in a vector, without biases")
    learning_rate: float = Field(default=0.007, gt=0, description="length of a step")


FAMILY: Final = rating_family(
    name="svdpp",
    summary="SVD++: ratings by factors, biases, and by what somebody rated at all",
    settings=SvdppSettings,
    implicit=True,
)
