"""Confidence intervals of means over users, by the percentile bootstrap (Efron 1979)."""

from collections.abc import Mapping
from typing import Final

import numpy as np
from numpy.typing import NDArray

CONFIDENCE: Final = 0.95
RESAMPLES: Final = 1000
_DRAWN_TOGETHER: Final = 2_000_000
"""Numbers drawn at a time: 16 MB."""

Interval = tuple[float, float]


def mean_intervals(
    values: Mapping[str, NDArray[np.float64]],
    seed: int,
    *,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
) -> dict[str, Interval]:
    """Where the mean of each metric lies, had other users of the same kind been asked.

    The same users are drawn for all metrics, so two models are compared by the interval of the difference of their
    values: one that does not hold 0 tells them apart.

    Parameters
    ----------
    values : mapping of str to float64 (M,)
        One number per user, the same users in the same order everywhere; M of at least 1.
    seed : int
        Of the draws.
    confidence : float
        Share of the means of resamples that are inside, above 0 and below 1.
    resamples : int
        How many times M users are drawn with replacement.

    Returns
    -------
    dict of str to (float, float)
        Lower and upper end for each metric.
    """
    table = np.stack(list(values.values()), axis=1)
    users = len(table)
    rng = np.random.default_rng(seed)
    step = max(1, _DRAWN_TOGETHER // users)
    means = np.concatenate(
        [
            _means(table, rng.integers(0, users, (min(step, resamples - start), users)))
            for start in range(0, resamples, step)
        ]
    )
    outside = (1 - confidence) / 2
    low, high = np.quantile(means, [outside, 1 - outside], axis=0)
    return {name: (float(low[row]), float(high[row])) for row, name in enumerate(values)}


def _means(table: NDArray[np.float64], drawn: NDArray[np.int64]) -> NDArray[np.float64]:
    """Means of the drawn users: (M, metrics) and (R, M) to (R, metrics)."""
    times = np.stack([np.bincount(row, minlength=len(table)) for row in drawn])
    means: NDArray[np.float64] = times @ table / len(table)
    return means
