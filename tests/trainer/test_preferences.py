import numpy as np
import polars as pl
import pytest
from recstream_trainer.datasets import CleaningReport, Dataset
from recstream_trainer.evaluation import Interactions
from recstream_trainer.preferences import fade, positive_from, preferences_of, weigh

from recstream.errors import DataError


def rated(*ratings: float, weights: list[float] | None = None) -> Dataset:
    """A user and an item for each rating."""
    codes = np.arange(len(ratings), dtype=np.int32)
    columns = {"user": codes, "item": codes, "rating": np.array(ratings, dtype=np.float32)}
    if weights is not None:
        columns["weight"] = np.array(weights, dtype=np.float32)
    ids = [str(code) for code in codes]
    return Dataset("made", pl.DataFrame(columns), ids, ids, pl.DataFrame(), CleaningReport(()))


@pytest.mark.parametrize(
    ("ratings", "threshold"),
    [
        ((1, 2, 3, 4, 5), 3.0),
        ((0.5, 4.5, 5), 2.75),
        ((0, 1, 1), 0.5),
        ((-1, 1), 0.0),
        ((7, 7, 7), None),
        (tuple(range(100)), None),
    ],
)
def test_auto_is_the_middle_of_a_scale(ratings: tuple[float, ...], threshold: float | None) -> None:
    assert positive_from(rated(*ratings), "auto") == threshold


def test_a_given_threshold_is_taken_and_all_means_all() -> None:
    assert positive_from(rated(1, 5), 4.5) == 4.5
    assert positive_from(rated(1, 5), "all") is None
    unrated = Dataset("made", rated(1, 5).interactions.drop("rating"), ["0"], ["0"], pl.DataFrame(), CleaningReport(()))
    assert positive_from(unrated, 4.5) is None


def weights_of(dataset: Dataset) -> list[float]:
    return dataset.interactions["weight"].to_list()


def test_what_is_rated_lower_weighs_nothing() -> None:
    assert weights_of(weigh(rated(1, 3, 5), 3.0, "log")) == [0, 1, 1]
    assert weights_of(weigh(rated(1, 3, 5, weights=[2, 3, 4]), 3.0, "linear")) == [0, 3, 4]
    assert weights_of(weigh(rated(1, 3, 5), None, "linear")) == [1, 1, 1]


def test_large_weights_count_by_their_logarithm_small_ones_as_they_are() -> None:
    dataset = rated(1, 1, 1, weights=[0.25, 1, 1000])
    np.testing.assert_allclose(weights_of(weigh(dataset, None, "log")), [0.25, 1, 1 + np.log(1000)], rtol=1e-6)
    assert weights_of(weigh(dataset, None, "linear")) == [0.25, 1, 1000]
    assert weights_of(weigh(dataset, None, "ones")) == [1, 1, 1]


def test_no_preference_at_all_is_refused() -> None:
    with pytest.raises(DataError, match=r"made: no rating is 6 or more; set data\.min_rating lower"):
        weigh(rated(1, 3, 5), 6.0, "log")


def test_preferences_are_what_weighs_something() -> None:
    history = Interactions.from_rows(np.array([0, 0, 2]), np.array([1, 2, 3]), np.array([0.0, 2.0, 0.0]), 3)
    wanted = preferences_of(history)
    np.testing.assert_array_equal(wanted.counts, [1, 0, 0])
    np.testing.assert_array_equal(wanted.items, [2])
    np.testing.assert_array_equal(wanted.weights, [2.0])


def test_weights_fade_with_what_came_later_down_to_a_thousandth() -> None:
    history = Interactions.from_rows(np.array([0, 0, 0, 1]), np.array([1, 2, 3, 1]), np.array([1.0, 2, 0, 1]), 2)
    np.testing.assert_allclose(fade(history, 1.0).weights, [0.25, 1.0, 0.0, 1.0])
    later = Interactions.from_rows(np.array([1, 1]), np.array([2, 3]), None, 2)
    np.testing.assert_allclose(fade(history, 1.0, followed_by=later).weights, [0.25, 1.0, 0.0, 0.25])
    np.testing.assert_allclose(fade(history, 0.01).weights, [0.001, 0.002, 0.0, 1.0])
