"""Protocol B on ratings whose answers are known."""

import numpy as np
import pytest
from numpy.typing import NDArray
from recstream_trainer.evaluation.rating_accuracy import FOLDS, Ratings, cross_validate, folds


class Constantly:
    def __init__(self, rating: float) -> None:
        self.rating = rating

    def predict(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        return np.full(len(users), self.rating)


@pytest.fixture
def ratings() -> Ratings:
    users, items = np.arange(20) % 4, np.arange(20) // 4
    return Ratings(users, items, np.tile(np.array([1, 5], np.float32), 10), 4, 5)


def test_every_rating_is_tested_once_and_trained_on_otherwise() -> None:
    parts = list(folds(23, seed=4))
    assert len(parts) == FOLDS
    np.testing.assert_array_equal(np.sort(np.concatenate([test for _, test in parts])), np.arange(23))
    for train, test in parts:
        assert len(test) in (4, 5)
        np.testing.assert_array_equal(np.sort(np.concatenate([train, test])), np.arange(23))
    assert not np.array_equal(parts[0][1], next(folds(23, seed=5))[1])


def test_errors_are_those_of_the_predictions_cut_to_the_scale(ratings: Ratings) -> None:
    seen: list[int] = []
    accuracy = cross_validate(lambda part: seen.append(len(part)) or Constantly(7.0), ratings, seed=1)
    assert seen == [16] * FOLDS
    ones = [np.mean(ratings.values[test] == 1) for _, test in folds(20, seed=1)]
    np.testing.assert_allclose(accuracy.mae, [4 * share for share in ones])
    np.testing.assert_allclose(accuracy.rmse, [4 * share**0.5 for share in ones])
    assert accuracy.metrics["mae"] == pytest.approx(2.0)
