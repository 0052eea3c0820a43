"""Protocol B: how far predicted ratings are from given ones, by cross-validation."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from statistics import mean
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from recstream.errors import DataError
from recstream_trainer.datasets import Dataset

FOLDS: Final = 5


@dataclass(frozen=True, eq=False)
class Ratings:
    """Who rated what, and how.

    Attributes
    ----------
    users, items : int64 (n,)
        Codes of the data set.
    values : float32 (n,)
    user_count, item_count : int
        Codes that there are, rated or not.
    """

    users: NDArray[np.int64]
    items: NDArray[np.int64]
    values: NDArray[np.float32]
    user_count: int
    item_count: int

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: NDArray[np.int64]) -> "Ratings":
        """Some of them."""
        return Ratings(self.users[rows], self.items[rows], self.values[rows], self.user_count, self.item_count)


class RatingPredictor(Protocol):
    """A trained model of ratings."""

    def predict(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        """Rating of each pair, (n,); of what was not in training too. Need not keep to the scale."""


@dataclass(frozen=True)
class RatingAccuracy:
    """Smaller is better.

    Attributes
    ----------
    rmse, mae : list of float
        Of each fold.
    wall_s : float
        Training and prediction of all folds.
    """

    rmse: list[float]
    mae: list[float]
    wall_s: float

    @property
    def metrics(self) -> dict[str, float]:
        """Means over the folds: ``rmse`` and ``mae``."""
        return {"rmse": mean(self.rmse), "mae": mean(self.mae)}


def ratings_of(dataset: Dataset) -> Ratings:
    """The ratings of a data set.

    Raises
    ------
    DataError
        It has none, or fewer than there are folds.
    """
    rows = dataset.interactions
    if "rating" not in rows.columns:
        raise DataError(
            f"{dataset.name}: has no ratings to predict; name their column with --columns rating=NAME, or use a family "
            "that learns from preferences, such as als"
        )
    if rows.height < FOLDS:
        raise DataError(f"{dataset.name}: has {rows.height} ratings, protocol B needs {FOLDS} at least")
    users, items = (rows[name].to_numpy().astype(np.int64) for name in ("user", "item"))
    values = rows["rating"].to_numpy().astype(np.float32)
    return Ratings(users, items, values, dataset.user_count, dataset.item_count)


def folds(count: int, seed: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Train and test rows of each fold: the rows are shuffled and cut into parts that differ by one row at most."""
    parts = np.array_split(np.random.default_rng(seed).permutation(count), FOLDS)
    for number, test in enumerate(parts):
        yield np.concatenate(parts[:number] + parts[number + 1 :]), test


def cross_validate(
    train: Callable[[Ratings], RatingPredictor],
    ratings: Ratings,
    seed: int,
    *,
    on_fold: Callable[[int, float, float], Any] = lambda number, rmse, mae: None,  # noqa: ARG005
) -> RatingAccuracy:
    """Train on four fifths of the ratings and predict the others, five times over.

    Predictions are cut to the scale of the ratings.

    Parameters
    ----------
    seed : int
        Of the folds.
    on_fold : callable
        Told number, RMSE and MAE of each fold.
    """
    started = time.perf_counter()
    lowest, highest = float(ratings.values.min()), float(ratings.values.max())
    rmse: list[float] = []
    mae: list[float] = []
    for number, (train_rows, test_rows) in enumerate(folds(len(ratings), seed), 1):
        test = ratings.take(test_rows)
        predicted = train(ratings.take(train_rows)).predict(test.users, test.items).clip(lowest, highest)
        errors = predicted - test.values
        rmse.append(float(np.sqrt((errors**2).mean())))
        mae.append(float(np.abs(errors).mean()))
        on_fold(number, rmse[-1], mae[-1])
    return RatingAccuracy(rmse, mae, time.perf_counter() - started)
