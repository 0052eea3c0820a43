"""Similarities against the textbook formulas on dense matrices."""

import numpy as np
import pytest
from recstream_trainer.models.item_similarity import item_neighbours, weigh_matrix
from scipy.sparse import csr_array

USERS, ITEMS = 25, 12


@pytest.fixture
def matrix() -> csr_array:
    rng = np.random.default_rng(2)
    dense = rng.uniform(0.5, 2, (USERS, ITEMS)) * (rng.random((USERS, ITEMS)) < 0.4)
    dense[:, -1], dense[-1] = 0, 0
    return csr_array(dense)


def centred(dense: np.ndarray, similarity: str) -> np.ndarray:
    if similarity == "adjusted_cosine":
        return dense - dense.mean(axis=1, keepdims=True)
    return dense - dense.mean(axis=0) if similarity == "pearson" else dense


@pytest.mark.parametrize("similarity", ["cosine", "adjusted_cosine", "pearson"])
@pytest.mark.parametrize("shrinkage", [0.0, 5.0])
def test_the_textbook(matrix: csr_array, similarity: str, shrinkage: float) -> None:
    dense = matrix.toarray()
    columns = centred(dense, similarity)
    lengths = np.linalg.norm(columns, axis=0)
    expected = columns.T @ columns / np.maximum(np.outer(lengths, lengths), 1e-30)
    both = (dense > 0).T.astype(float) @ (dense > 0)
    expected *= both / np.maximum(both + shrinkage, 1)
    expected[both == 0] = 0
    np.fill_diagonal(expected, 0)
    found = item_neighbours(matrix, similarity, shrinkage=shrinkage, count=ITEMS).toarray()
    np.testing.assert_allclose(found, np.maximum(expected, 0), atol=1e-9)


def test_only_the_most_similar_are_kept(matrix: csr_array) -> None:
    every = item_neighbours(matrix, "cosine", shrinkage=0, count=ITEMS).toarray()
    few = item_neighbours(matrix, "cosine", shrinkage=0, count=3).toarray()
    for row, kept in zip(every, few, strict=True):
        np.testing.assert_allclose(np.sort(kept)[-3:], np.sort(row)[-3:])
        assert (kept > 0).sum() <= 3


def test_who_takes_everything_tells_less(matrix: csr_array) -> None:
    sizes = np.diff(matrix.indptr)
    for weighting in ("tfidf", "bm25"):
        factors = weigh_matrix(matrix, weighting).toarray() / np.maximum(matrix.toarray(), 1e-30)
        modest = np.flatnonzero(sizes == sizes[sizes > 0].min())[0]
        assert factors[modest].max() > factors[sizes.argmax()].max()
    np.testing.assert_array_equal(weigh_matrix(matrix, "none").toarray(), matrix.toarray())
    rarity = np.log(ITEMS / sizes[0]) + 1
    np.testing.assert_allclose(weigh_matrix(matrix, "tfidf").toarray()[0], matrix.toarray()[0] * rarity)


def test_nobody_has_anything() -> None:
    nothing = csr_array((3, 4))
    for weighting in ("none", "tfidf", "bm25"):
        weighed = weigh_matrix(nothing, weighting)
        assert not item_neighbours(weighed, "cosine", shrinkage=0, count=2).toarray().any()
