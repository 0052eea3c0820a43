"""Intervals against SciPy's, which draws the same users from the same generator."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recstream_trainer.evaluation.bootstrap import mean_intervals
from scipy.stats import bootstrap


@pytest.mark.parametrize(("users", "confidence"), [(7, 0.95), (300, 0.95), (300, 0.5), (5000, 0.95)])
def test_intervals_are_scipys(users: int, confidence: float) -> None:
    values = np.random.default_rng(users).exponential(size=users)
    found = mean_intervals({"x": values}, 3, confidence=confidence, resamples=999)["x"]
    expected = bootstrap(
        (values,),
        np.mean,
        vectorized=True,
        confidence_level=confidence,
        n_resamples=999,
        method="percentile",
        rng=np.random.default_rng(3),
    ).confidence_interval
    assert found == pytest.approx((expected.low, expected.high), rel=1e-12)


def test_they_hold_the_mean_of_a_population_about_as_often_as_they_say() -> None:
    rng = np.random.default_rng(0)
    held = 0
    for trial in range(200):
        low, high = mean_intervals({"x": rng.uniform(size=100)}, trial, confidence=0.9, resamples=300)["x"]
        held += low <= 0.5 <= high
    assert 0.82 <= held / 200 <= 0.97


@settings(max_examples=30)
@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(0, 99))
def test_all_metrics_are_of_the_same_draws(numbers: list[float], seed: int) -> None:
    values = np.array(numbers)
    found = mean_intervals({"x": values, "again": values, "double": 2 * values}, seed, resamples=50)
    assert found["x"] == found["again"]
    assert found["double"] == pytest.approx((2 * found["x"][0], 2 * found["x"][1]))
    assert values.min() - 1e-12 <= found["x"][0] <= found["x"][1] <= values.max() + 1e-12
