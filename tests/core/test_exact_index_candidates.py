"""Ranking given rows, and reading vectors back."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recstream import _core


@settings(max_examples=60, derandomize=True)
@given(
    rows=st.integers(1, 1500), dimension=st.integers(1, 20), width=st.integers(0, 300), seed=st.integers(0, 2**32 - 1)
)
def test_the_best_candidates_are_those_of_a_search_among_them(rows: int, dimension: int, width: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-3, 4, (rows, dimension)).astype(np.float32)
    index = _core.ExactIndex(vectors)
    deleted = rng.permutation(rows)[: rows // 5]
    index.delete(deleted)
    queries = rng.integers(-3, 4, (3, dimension)).astype(np.float32)
    candidates = rng.integers(-1, rows, (3, width))
    k = int(rng.integers(1, width + 3))
    scores, found = index.rank(queries, candidates, k)
    for q, query in enumerate(queries):
        exact = vectors.astype(np.float64) @ query.astype(np.float64)
        best = np.setdiff1d(candidates[q], np.append(deleted, -1))
        best = best[np.argsort(-exact[best], kind="stable")][:k]
        np.testing.assert_array_equal(found[q], np.append(best, np.full(k - len(best), -1)))
        np.testing.assert_array_equal(scores[q, : len(best)], exact[best])
        assert np.isneginf(scores[q, len(best) :]).all()


def test_vectors_are_those_last_set() -> None:
    vectors = np.arange(5000, dtype=np.float32).reshape(2500, 2)
    index = _core.ExactIndex(vectors)
    index.upsert(np.array([3, 2500]), np.array([[-1, -2], [-3, -4]], np.float32))
    index.delete(np.array([7]))
    np.testing.assert_array_equal(
        index.vectors(np.array([2500, 3, 7, 3, 0])), [[-3, -4], [-1, -2], [14, 15], [-1, -2], [0, 1]]
    )
    assert index.vectors(np.zeros(0, np.int64)).shape == (0, 2)


def test_refusals() -> None:
    index = _core.ExactIndex(np.zeros((10, 4), np.float32))
    query = np.zeros((1, 4), np.float32)
    with pytest.raises(ValueError, match="candidates: 10 is unknown; the index has rows 0 to 9"):
        index.rank(query, np.array([[1, 10]]), 1)
    with pytest.raises(ValueError, match="candidates: -2 is unknown"):
        index.rank(query, np.array([[1, -2]]), 1)
    with pytest.raises(ValueError, match="candidates must have one row for each of the 1 queries, got 2"):
        index.rank(query, np.zeros((2, 1), np.int64), 1)
    with pytest.raises(TypeError, match="candidates"):
        index.rank(query, np.zeros((1, 1), np.int32), 1)
    with pytest.raises(ValueError, match="k must be at least 1"):
        index.rank(query, np.zeros((1, 1), np.int64), 0)
    with pytest.raises(ValueError, match="queries: row 0 is not finite"):
        index.rank(np.full((1, 4), np.nan, np.float32), np.zeros((1, 1), np.int64), 1)
    with pytest.raises(ValueError, match="rows: 10 is unknown"):
        index.vectors(np.array([0, 10]))
    with pytest.raises(ValueError, match="rows: -1 is unknown"):
        index.vectors(np.array([-1]))
