from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import half_step, observed
from recstream_trainer.models.half_step import Objective, cholesky, conjugate_gradient
from recstream_trainer.models.observed import Observed

from recstream._core import UserEncoder
from recstream.errors import ConfigurationError

OBJECTIVE = Objective(unobserved_weight=0.2, regularization=0.03, regularization_exponent=0.8)


def observe(dense: NDArray[np.float64]) -> Observed:
    rows, columns = np.nonzero(dense)
    return Observed(rows, columns, dense[rows, columns].astype(np.float32), dense.shape, "cpu")


def draw(rows: int, columns: int, dimension: int, seed: int) -> tuple[NDArray[np.float64], torch.Tensor]:
    """Weights (0 where unobserved) and the fixed side."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 3, (rows, columns)) * (rng.random((rows, columns)) < 0.4)
    return weights, torch.from_numpy(rng.normal(size=(columns, dimension)).astype(np.float32))


def oracle(weights: NDArray[np.float64], fixed: torch.Tensor, objective: Objective) -> NDArray[np.float64]:
    """The half step, dense, in float64."""
    vectors = fixed.double().numpy()
    count, dimension = vectors.shape
    solution = np.zeros((len(weights), dimension))
    for row, own in enumerate(weights):
        effective = np.count_nonzero(own) + objective.unobserved_weight * count
        penalty = objective.regularization * effective**objective.regularization_exponent
        system = objective.unobserved_weight * vectors.T @ vectors + (vectors.T * own) @ vectors
        solution[row] = np.linalg.solve(system + penalty * np.eye(dimension), vectors.T @ own)
    return solution


def naive_loss(
    weights: NDArray[np.float64], rows: NDArray[np.float64], columns: NDArray[np.float64], objective: Objective
) -> float:
    scores = rows @ columns.T
    a0 = objective.unobserved_weight
    total = float((weights * (1 - scores) ** 2).sum() + a0 * (scores**2).sum())
    for vectors, own in ((rows, weights), (columns, weights.T)):
        effective = np.count_nonzero(own, axis=1) + a0 * own.shape[1]
        penalties = objective.regularization * effective**objective.regularization_exponent
        total += float((penalties * (vectors**2).sum(axis=1)).sum())
    return total


@settings(max_examples=40)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(1, 17), st.integers(0, 2**32 - 1))
def test_cholesky_solves_the_half_step(rows: int, columns: int, dimension: int, seed: int) -> None:
    weights, fixed = draw(rows, columns, dimension, seed)
    solved = cholesky(observe(weights), fixed, OBJECTIVE).numpy()
    np.testing.assert_allclose(solved, oracle(weights, fixed, OBJECTIVE), rtol=2e-4, atol=2e-5)


def test_enough_conjugate_gradient_steps_solve_the_half_step() -> None:
    weights, fixed = draw(40, 30, 16, seed=1)
    start = torch.zeros(40, 16)
    solved = conjugate_gradient(observe(weights), fixed, start, OBJECTIVE, steps=40).numpy()
    np.testing.assert_allclose(solved, oracle(weights, fixed, OBJECTIVE), rtol=1e-3, atol=1e-4)


def test_rows_without_observations_stay_zero() -> None:
    weights, fixed = draw(5, 6, 4, seed=2)
    weights[3] = 0
    assert not cholesky(observe(weights), fixed, OBJECTIVE)[3].any()
    assert not conjugate_gradient(observe(weights), fixed, torch.zeros(5, 4), OBJECTIVE, steps=3)[3].any()


@pytest.mark.parametrize("part_pairs", [1, 50])
def test_the_parts_make_no_difference(monkeypatch: pytest.MonkeyPatch, part_pairs: int) -> None:
    weights, fixed = draw(40, 30, 8, seed=7)
    start = torch.randn(40, 8, generator=torch.Generator().manual_seed(7))
    whole = observe(weights)
    monkeypatch.setattr(observed, "PART_PAIRS", part_pairs)
    split = observe(weights)
    assert len(split.parts) > len(whole.parts) == 1
    for solve in (cholesky, lambda *given: conjugate_gradient(given[0], given[1], start, given[2], steps=3)):
        np.testing.assert_allclose(solve(split, fixed, OBJECTIVE), solve(whole, fixed, OBJECTIVE), rtol=1e-4, atol=1e-5)


def test_rows_longer_than_a_block_are_gathered_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(half_step, "BLOCK_PAIRS", 7)
    monkeypatch.setattr(observed, "BLOCK_PAIRS", 7)
    weights, fixed = draw(30, 40, 8, seed=3)
    solved = cholesky(observe(weights), fixed, OBJECTIVE).numpy()
    np.testing.assert_allclose(solved, oracle(weights, fixed, OBJECTIVE), rtol=2e-4, atol=2e-5)


def test_the_loss_is_the_whole_objective() -> None:
    weights, items = draw(25, 18, 6, seed=4)
    users = torch.randn(25, 6, generator=torch.Generator().manual_seed(4))
    loss = OBJECTIVE.loss(users, items, observe(weights), observe(weights.T))
    expected = naive_loss(weights, users.double().numpy(), items.double().numpy(), OBJECTIVE)
    assert loss == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("solver", ["cg", "cholesky"])
def test_no_half_step_increases_the_objective(solver: str) -> None:
    weights, items = draw(60, 40, 12, seed=5)
    by_user, by_item = observe(weights), observe(weights.T)
    users = torch.randn(60, 12, generator=torch.Generator().manual_seed(5))

    def half(side: Observed, fixed: torch.Tensor, start: torch.Tensor) -> torch.Tensor:
        if solver == "cholesky":
            return cholesky(side, fixed, OBJECTIVE)
        return conjugate_gradient(side, fixed, start, OBJECTIVE, steps=3)

    losses = [OBJECTIVE.loss(users, items, by_user, by_item)]
    for _ in range(15):
        items = half(by_item, users, items)
        losses.append(OBJECTIVE.loss(users, items, by_user, by_item))
        users = half(by_user, items, users)
        losses.append(OBJECTIVE.loss(users, items, by_user, by_item))
    assert all(after <= before * (1 + 1e-6) for before, after in pairwise(losses))
    assert losses[-1] < 0.5 * losses[0]


def test_the_native_fold_in_is_the_same_half_step() -> None:
    weights, fixed = draw(20, 50, 32, seed=6)
    solved = cholesky(observe(weights), fixed, OBJECTIVE).numpy()
    encoder = UserEncoder.als_fold_in(
        fixed.numpy(),
        unobserved_weight=OBJECTIVE.unobserved_weight,
        regularization=OBJECTIVE.regularization,
        regularization_exponent=OBJECTIVE.regularization_exponent,
    )
    for own, expected in zip(weights, solved, strict=True):
        rows = np.flatnonzero(own)
        vector = encoder.encode(rows, own[rows].astype(np.float32))
        assert vector is not None
        np.testing.assert_allclose(vector, expected, rtol=1e-3, atol=1e-5)


def test_hardly_regularized_systems_are_solved_in_double_precision() -> None:
    objective = Objective(0.0, 1e-3, 0.0)
    weights, fixed = np.ones((1, 3)), torch.full((3, 8), 300.0)
    solved = cholesky(observe(weights), fixed, objective).numpy()
    np.testing.assert_allclose(solved, oracle(weights, fixed, objective), rtol=1e-5)


def test_systems_without_a_solution_are_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"model\.regularization is too small"):
        cholesky(observe(np.ones((1, 3))), torch.ones(3, 8), Objective(0.0, 1e-30, 0.0))


def test_observations_of_a_user_come_from_interactions() -> None:
    taken = Interactions.from_rows(np.array([1, 0, 1]), np.array([2, 0, 1]), None, 2)
    side = Observed(taken.users, taken.items.astype(np.int64), taken.weights, (2, 3), "cpu")
    np.testing.assert_array_equal(side.counts, [1, 2])
