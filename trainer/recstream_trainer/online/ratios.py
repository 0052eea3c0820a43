"""Ratios of sums over people, with intervals: what click rates, AUC and off-policy values all are."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recstream_trainer.evaluation.bootstrap import CONFIDENCE, RESAMPLES

_DRAWN_TOGETHER = 2_000_000


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Attributes
    ----------
    value, low, high : float
        NaN where there is nothing to divide by.
    """

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float | None]:
        """The numbers by name, null for NaN."""
        return {name: None if np.isnan(number) else number for name, number in vars(self).items()}


def ratio(numerators: NDArray[np.float64], denominators: NDArray[np.float64], seed: int) -> Estimate:
    """Sum over sum, with a 95% percentile bootstrap over people.

    What one person does is not independent, so whole people are drawn, not their impressions.

    Parameters
    ----------
    numerators, denominators : float64 (M,)
        A number of each person.
    seed : int
    """
    people, total = len(numerators), denominators.sum()
    if not people or total == 0:
        return Estimate(np.nan, np.nan, np.nan)
    rng = np.random.default_rng(seed)
    step = max(1, _DRAWN_TOGETHER // people)
    drawn = [
        _resampled(numerators, denominators, rng.integers(0, people, (min(step, RESAMPLES - start), people)))
        for start in range(0, RESAMPLES, step)
    ]
    ratios = np.concatenate(drawn)
    ratios = ratios[np.isfinite(ratios)]
    outside = (1 - CONFIDENCE) / 2
    low, high = np.quantile(ratios, [outside, 1 - outside])
    return Estimate(float(numerators.sum() / total), float(low), float(high))


def _resampled(
    numerators: NDArray[np.float64], denominators: NDArray[np.float64], drawn: NDArray[np.int64]
) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios: NDArray[np.float64] = numerators[drawn].sum(axis=1) / denominators[drawn].sum(axis=1)
    return ratios


def sums_by_person(people: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums of values (n,) by person code (n,), for the people that occur."""
    _, codes = np.unique(people, return_inverse=True)
    return np.bincount(codes, weights=values).astype(np.float64)
