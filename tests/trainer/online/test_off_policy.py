"""Inverse propensity scoring, where the truth is known."""

import numpy as np
import pytest
from recstream_trainer.online.off_policy import PolicyValue, policy_value

from recstream.errors import DataError

LOGGING = np.array([[0.5, 0.2, 0.2, 0.1], [0.1, 0.3, 0.3, 0.3]])
"""How likely each of four items is shown to each of two sorts of people."""
TARGET = np.array([[0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 0.5, 0.5]])
CLICKS = np.array([[0.3, 0.6, 0.1, 0.0], [0.2, 0.1, 0.5, 0.7]])
TRUTH = (TARGET * CLICKS).sum(axis=1).mean()


def logged(seed: int, people: int = 300, each: int = 3) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    person = np.repeat(np.arange(people), each)
    sort = person % 2
    item = np.array([rng.choice(4, p=LOGGING[one]) for one in sort])
    return {
        "people": person,
        "propensities": LOGGING[sort, item],
        "target": TARGET[sort, item],
        "rewards": (rng.random(len(person)) < CLICKS[sort, item]).astype(float),
    }


@pytest.fixture(scope="module")
def values() -> list[PolicyValue]:
    return [policy_value(**logged(seed), seed=seed) for seed in range(40)]


def test_ips_is_unbiased_and_snips_nearly(values: list[PolicyValue]) -> None:
    for estimates in ([value.ips.value for value in values], [value.snips.value for value in values]):
        error = np.mean(estimates) - TRUTH
        assert abs(error) < 3 * np.std(estimates) / np.sqrt(len(estimates))
    as_logged = np.mean([value.logged.value for value in values])
    assert abs(as_logged - (LOGGING * CLICKS).sum(axis=1).mean()) < 0.01
    assert abs(as_logged - TRUTH) > 0.2  # so the estimates are not merely what was logged


def test_intervals_hold_the_truth_about_as_often_as_they_say(values: list[PolicyValue]) -> None:
    for name in ("ips", "snips"):
        inside = [getattr(value, name).low <= TRUTH <= getattr(value, name).high for value in values]
        assert np.mean(inside) >= 0.85
    assert np.mean([value.mean_weight.low <= 1 <= value.mean_weight.high for value in values]) >= 0.85


def test_wrong_propensities_show_in_the_mean_weight() -> None:
    data = logged(1)
    value = policy_value(data["people"], data["propensities"] * 0.5, data["target"], data["rewards"], seed=1)
    assert value.mean_weight.low > 1


def test_the_numbers_are_those_of_the_definitions() -> None:
    people = np.array([5, 5, 9, 11])
    propensities, target = np.array([0.5, 0.25, 1.0, 0.1]), np.array([1.0, 1.0, 0.5, 0.0])
    rewards = np.array([1.0, 0.0, 1.0, 1.0])
    value = policy_value(people, propensities, target, rewards, seed=1)
    weights = np.array([2.0, 4.0, 0.5, 0.0])
    assert value.ips.value == pytest.approx((2.0 + 0.5) / 4)
    assert value.snips.value == pytest.approx(2.5 / 6.5)
    assert value.logged.value == pytest.approx(3 / 4)
    assert value.mean_weight.value == pytest.approx(6.5 / 4)
    assert value.effective_sample_size == pytest.approx(6.5**2 / (weights**2).sum())
    assert (value.impressions, value.people, value.matched) == (4, 3, 3)
    assert len(value.to_json()["assumptions"]) == 5


def test_a_target_that_agrees_with_the_log_is_worth_what_came() -> None:
    data = logged(2)
    same = policy_value(data["people"], data["propensities"], data["propensities"], data["rewards"], seed=1)
    assert same.ips == same.snips == same.logged
    assert same.effective_sample_size == pytest.approx(900)


def test_a_target_without_any_overlap_is_refused() -> None:
    nothing = np.zeros(3)
    with pytest.raises(DataError, match="would have shown none of the 3 items at its place"):
        policy_value(np.arange(3), np.ones(3) / 2, nothing, np.ones(3), seed=1)
