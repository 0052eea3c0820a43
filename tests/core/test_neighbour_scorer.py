"""NeighbourScorer against dense NumPy."""

import gc

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array, random_array

from recstream._core import NeighbourScorer

Sparse = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]
ITEMS, USERS = 40, 30


def sparse(rows: int, columns: int, seed: int, share: float = 0.2) -> tuple[NDArray[np.float64], Sparse]:
    """A random matrix with negative entries, dense and as the core takes it."""
    rng = np.random.default_rng(seed)
    matrix = csr_array(random_array((rows, columns), density=share, rng=rng, data_sampler=rng.standard_normal))
    matrix.data = matrix.data.astype(np.float32)
    parts = matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data
    return matrix.toarray().astype(np.float64), parts


def history(seed: int, length: int = 9) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    rng = np.random.default_rng(seed)
    return rng.permutation(ITEMS)[:length], rng.choice([1.0, 0.0, -0.5, 2.0], length).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_items_add_up_the_rows_of_the_history(seed: int) -> None:
    dense, parts = sparse(ITEMS, ITEMS, seed)
    rows, weights = history(seed)
    scores = NeighbourScorer.items(parts).scores(rows, weights)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, weights.astype(np.float64) @ dense[rows], rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(scores == 0, (dense[rows][weights != 0] == 0).all(axis=0))


@pytest.mark.parametrize("neighbours", [1, 4, 1000])
@pytest.mark.parametrize("shrinkage", [0.0, 3.0])
def test_the_most_similar_users_vote(neighbours: int, shrinkage: float) -> None:
    profiles, profile_parts = sparse(USERS, ITEMS, 1)
    votes, vote_parts = sparse(USERS, ITEMS, 2)
    scorer = NeighbourScorer.users(
        profile_parts, vote_parts, item_count=ITEMS, neighbours=neighbours, shrinkage=shrinkage
    )
    for seed in range(10):
        rows, weights = history(seed)
        common = (profiles[:, rows[weights != 0]] != 0).sum(axis=1)
        similarity = profiles[:, rows] @ weights.astype(np.float64) * common / np.maximum(common + shrinkage, 1e-9)
        best = np.argsort(-similarity, kind="stable")[:neighbours]
        best = best[similarity[best] > 0]
        expected = similarity[best] @ votes[best]
        np.testing.assert_allclose(scorer.scores(rows, weights), expected, rtol=1e-9, atol=1e-12)


def test_equally_similar_users_are_taken_by_row() -> None:
    alike = np.arange(4, dtype=np.int64), np.zeros(3, np.int32), np.ones(3, np.float32)
    votes = np.arange(4, dtype=np.int64), np.array([1, 2, 3], np.int32), np.ones(3, np.float32)
    scorer = NeighbourScorer.users(alike, votes, item_count=4, neighbours=2, shrinkage=0.0)
    np.testing.assert_array_equal(scorer.scores(np.array([0]), np.ones(1, np.float32)), [0, 1, 1, 0])


def test_an_empty_history_says_nothing() -> None:
    _, parts = sparse(ITEMS, ITEMS, 3)
    nothing = np.zeros(0, np.int64), np.zeros(0, np.float32)
    assert not NeighbourScorer.items(parts).scores(*nothing).any()


def test_what_is_borrowed_is_kept_alive() -> None:
    dense, parts = sparse(ITEMS, ITEMS, 4)
    scorer = NeighbourScorer.items(tuple(part.copy() for part in parts))
    gc.collect()
    churn = [np.full(400, np.nan, np.float32) for _ in range(100)]
    np.testing.assert_allclose(scorer.scores(np.array([7]), np.ones(1, np.float32)), dense[7], rtol=1e-12)
    del churn


REFUSED = {
    "pointers must go from 0": ([0, 1, 3], [0, 1], [1, 1]),
    "pointers fall at row 1": ([0, 3, 2, 3], [0, 1, 2], [1, 1, 1]),
    r"entry 1 has column 2; there are 2": ([0, 1, 2], [0, 2], [1, 1]),
    r"entry 0 has column -1": ([0, 1, 2], [-1, 1], [1, 1]),
    "must have a value for each of the 2 columns, got 1": ([0, 1, 2], [0, 1], [1]),
    "entry 1 is not finite": ([0, 1, 2], [0, 1], [1, np.inf]),
}


@pytest.mark.parametrize("problem", REFUSED)
def test_a_broken_matrix_is_refused(problem: str) -> None:
    pointers, columns, values = REFUSED[problem]
    with pytest.raises(ValueError, match=problem):
        NeighbourScorer.items((np.array(pointers), np.array(columns, np.int32), np.array(values, np.float32)))


def test_options_and_histories_out_of_range_are_refused() -> None:
    _, square = sparse(ITEMS, ITEMS, 5)
    _, fewer = sparse(ITEMS - 1, ITEMS, 5)
    with pytest.raises(ValueError, match="votes must have a row for each of the 40 profiles, got 39"):
        NeighbourScorer.users(square, fewer, item_count=ITEMS, neighbours=1, shrinkage=0.0)
    with pytest.raises(ValueError, match="neighbours must be at least 1, got 0"):
        NeighbourScorer.users(square, square, item_count=ITEMS, neighbours=0, shrinkage=0.0)
    with pytest.raises(ValueError, match="shrinkage must be at least 0 and finite"):
        NeighbourScorer.users(square, square, item_count=ITEMS, neighbours=1, shrinkage=float("nan"))
    scorer = NeighbourScorer.items(square)
    with pytest.raises(ValueError, match=r"rows\[0\] is 40; there are items 0 to 39"):
        scorer.scores(np.array([40]), np.ones(1, np.float32))
    with pytest.raises(ValueError, match="weights must have one entry for each of the 1 rows, got 2"):
        scorer.scores(np.array([1]), np.ones(2, np.float32))
    with pytest.raises(TypeError):
        scorer.scores(np.array([1], np.int32), np.ones(1, np.float32))
