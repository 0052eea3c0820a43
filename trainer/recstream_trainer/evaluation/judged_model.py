"""A model judged on the test part of a split: the figures, and what they are made of."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recstream_trainer.datasets import Dataset
from recstream_trainer.evaluation.bootstrap import Interval, mean_intervals
from recstream_trainer.evaluation.chance import chance_metrics
from recstream_trainer.evaluation.metrics import item_user_counts, metrics_of, per_user_metrics
from recstream_trainer.evaluation.protocols import Split
from recstream_trainer.evaluation.ranking import Rankings, Scorer, rank_items

CURVE_LENGTH = 50
"""Lists are ranked this far at least, for the curves of the report."""


@dataclass(frozen=True, eq=False)
class JudgedModel:
    """What a report tells.

    Attributes
    ----------
    model : str
        Name of the model or its family.
    parameters : mapping
        Its hyper-parameters, JSON-ready.
    data : str
        Name of the data set.
    split : Split
    rankings : Rankings
        Lists of `CURVE_LENGTH` items or more for the users of the test part.
    ks : sequence of int
        Lengths of lists that the metrics are given for.
    metrics : dict of str to float
        As from `evaluate_ranking`, larger is better.
    intervals : dict of str to (float, float)
        Of the means over users, by the same names: see `bootstrap`.
    chance : dict of str to float
        What a random order of the items comes to, by the same names: see `chance`.
    popularity : int64 (N,)
        How many users had each item before the test part.
    diversity_by : str
        What makes two items alike.
    wall_s : float
        How long the ranking took.
    """

    model: str
    parameters: Mapping[str, Any]
    data: str
    split: Split
    rankings: Rankings
    ks: Sequence[int]
    metrics: dict[str, float]
    intervals: dict[str, Interval]
    chance: dict[str, float]
    popularity: NDArray[np.int64] = field(repr=False)
    diversity_by: str
    wall_s: float


def judge(
    score: Scorer,
    dataset: Dataset,
    split: Split,
    *,
    model: str,
    parameters: Mapping[str, Any],
    item_vectors: NDArray[np.float32],
    ks: Sequence[int] = (10, 20),
) -> JudgedModel:
    """Rank all items for the users of the test part and take every metric.

    Parameters
    ----------
    score : callable
        int64 (B,) user codes of the split to float32 (B, N) scores.
    dataset : Dataset
        That the split was made of.
    item_vectors : float32 (N, d)
        The model's own; items are compared by them where the data set has no lists of genres, tags or the like. Without
        columns they say nothing, and the diversity of lists is left out.

    Raises
    ------
    DataError
        Nobody can be judged, or scores are NaN.
    """
    started = time.perf_counter()
    rankings = rank_items(score, split.before_test, split.test, max(*ks, CURVE_LENGTH), among=split.test_items)
    popularity = item_user_counts(split.before_test, len(split.item_ids))
    features, diversity_by = item_features(dataset.items[split.item_codes], item_vectors)
    metrics = metrics_of(rankings, ks, popularity, split.before_test.active_users, features)
    means = {f"{name}@{k}": values for k in sorted(ks) for name, values in per_user_metrics(rankings, k).items()}
    return JudgedModel(
        model=model,
        parameters=parameters,
        data=dataset.name,
        split=split,
        rankings=rankings,
        ks=tuple(ks),
        metrics=metrics,
        intervals=mean_intervals(means, split.seed),
        chance={f"{name}@{k}": value for k in sorted(ks) for name, value in chance_metrics(rankings, k).items()},
        popularity=popularity,
        diversity_by=diversity_by,
        wall_s=time.perf_counter() - started,
    )


def item_features(items: pl.DataFrame, item_vectors: NDArray[np.float32]) -> tuple[NDArray[np.float32] | None, str]:
    """What items are compared by: a 0-1 column per genre (or tag) if there are any, else the model's vectors.

    Parameters
    ----------
    items : polars.DataFrame of N rows
        The first column of lists of text counts.

    Returns
    -------
    float32 (N, m) or None
    str
        The name of what was taken.
    """
    lists = next((column for column in items.iter_columns() if column.dtype == pl.List(pl.String)), None)
    if lists is None and not item_vectors.shape[1]:
        return None, "nothing: there are neither lists nor vectors"
    if lists is None:
        return item_vectors, "item vectors"
    entries = pl.DataFrame({"row": np.arange(len(lists)), "value": lists}).explode("value").drop_nulls("value")
    values = entries["value"].unique().sort()
    features = np.zeros((len(lists), len(values)), dtype=np.float32)
    features[entries["row"].to_numpy(), entries["value"].cast(pl.Enum(values)).to_physical().to_numpy()] = 1
    return features, lists.name
