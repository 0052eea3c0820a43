"""Which interactions say that somebody wanted an item, and how much."""

from dataclasses import replace
from typing import Literal

import numpy as np
import polars as pl

from recstream.errors import DataError
from recstream_trainer.datasets import Dataset
from recstream_trainer.evaluation import Interactions

_LARGEST_SCALE = 20
"""More distinct values than this are counts or amounts, not a rating scale."""
_LEAST_FACTOR = 1e-3
"""What long ago still counts, so that a long history does not lose its beginning."""


def positive_from(dataset: Dataset, min_rating: float | Literal["auto", "all"]) -> float | None:
    """The rating from which an interaction is a preference; None where all are.

    ``auto`` takes the middle of the scale: 3 of 1 to 5, 2.75 of 0.5 to 5, 0.5 of 0 and 1.
    """
    if min_rating == "all" or "rating" not in dataset.interactions.columns:
        return None
    if min_rating != "auto":
        return min_rating
    scale = dataset.interactions["rating"].unique()
    if len(scale) < 2 or len(scale) > _LARGEST_SCALE:
        return None
    return float(scale.to_numpy().astype(np.float64)[[scale.arg_min() or 0, scale.arg_max() or 0]].mean())


def weigh(dataset: Dataset, threshold: float | None, weights: Literal["log", "linear", "ones"]) -> Dataset:
    """The data set with the weights that a model is trained with; 0 for what is not a preference.

    Such a pair has no influence on the model, and yet counts as seen: a film that somebody disliked is not one to
    recommend to them.

    Parameters
    ----------
    threshold : float, optional
        Ratings below are not preferences.
    weights : {"log", "linear", "ones"}
        Weights up to 1 stay as they are and larger ones become ``1 + ln(weight)``, so that a song played a thousand
        times does not outvote a thousand songs; or all stay; or all become 1.

    Raises
    ------
    DataError
        No interaction is a preference.
    """
    rows = dataset.interactions
    given = pl.col("weight") if "weight" in rows.columns else pl.lit(1.0)
    weight = pl.lit(1.0) if weights == "ones" else given
    if weights == "log":
        weight = given.clip(upper_bound=1.0) + given.clip(lower_bound=1.0).log()
    if threshold is not None:
        weight = pl.when(pl.col("rating") >= threshold).then(weight).otherwise(0.0)
    weighed = rows.with_columns(weight=weight.cast(pl.Float32))
    if not (weighed["weight"] > 0).any():
        raise DataError(f"{dataset.name}: no rating is {threshold:g} or more; set data.min_rating lower, or to all")
    return replace(dataset, interactions=weighed)


def preferences_of(history: Interactions) -> Interactions:
    """The interactions with a weight above zero."""
    wanted = history.weights > 0
    times = None if history.times is None else history.times[wanted]
    return Interactions.from_rows(
        history.users[wanted], history.items[wanted], history.weights[wanted], history.user_count, times
    )


def fade(history: Interactions, half_life: float, *, followed_by: Interactions | None = None) -> Interactions:
    """The same with weights that halve with every so many later interactions of the user, down to a thousandth.

    Parameters
    ----------
    half_life : float
        Interactions, above zero.
    followed_by : Interactions, optional
        What the users did later: that counts, too.
    """
    later = np.repeat(history.indptr[1:], history.counts) - 1 - np.arange(len(history))
    if followed_by is not None:
        later += np.repeat(followed_by.counts, history.counts)
    factors = np.maximum(2.0 ** (-later / half_life), _LEAST_FACTOR)
    return replace(history, weights=(history.weights * factors).astype(np.float32))
