"""How like items are, by who had them."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, vstack

from recstream_trainer.models.epoch_share import tell
from recstream_trainer.models.neighbour_model import largest_of_rows

Similarity = Literal["cosine", "adjusted_cosine", "pearson"]
Weighting = Literal["none", "tfidf", "bm25"]

_BLOCK_CELLS = 1 << 23
"""Cells of the dense similarities that are held at a time: 64 MiB."""
_BM25_K1, _BM25_B = 1.2, 0.75


def weigh_matrix(matrix: csr_array, weighting: Weighting) -> csr_array:
    """Weights that count for less where they say less.

    Parameters
    ----------
    matrix : float64 (U, N)
    weighting : {"none", "tfidf", "bm25"}
        ``tfidf``: times ``ln(N / n) + 1`` for a user with n items, for who takes everything tells nothing. ``bm25``:
        the same, with weights that saturate, the sooner the longer the user's history is.
    """
    if weighting == "none":
        return matrix
    sizes = np.diff(matrix.indptr)
    owners = np.repeat(np.arange(len(sizes)), sizes)
    values = matrix.data
    if weighting == "bm25":
        longer = sizes / max(sizes[sizes > 0].mean(), 1.0) if (sizes > 0).any() else sizes.astype(np.float64)
        values = values * (_BM25_K1 + 1) / (values + _BM25_K1 * (1 - _BM25_B + _BM25_B * longer[owners]))
    return csr_array((values * rarity(matrix)[owners], matrix.indices, matrix.indptr), shape=matrix.shape)


def rarity(matrix: csr_array) -> NDArray[np.float64]:
    """``ln(N / n) + 1`` for each row with n of N entries, (U,)."""
    weights: NDArray[np.float64] = np.log(matrix.shape[1] / np.maximum(np.diff(matrix.indptr), 1)) + 1
    return weights


def item_neighbours(matrix: csr_array, similarity: Similarity, *, shrinkage: float, count: int) -> csr_array:
    """The items most like each, float64 (N, N): row i holds the `count` largest positive similarities of i.

    A similarity s of two items that n users had both counts as ``s * n / (n + shrinkage)``. An absence is a 0: the
    cosine is that of the columns, ``adjusted_cosine`` that of the columns after each user's mean is taken off, and
    ``pearson`` after each item's is. Items that nobody had both are not alike, whatever the means say.

    Parameters
    ----------
    matrix : float64 (U, N)
    """
    items = matrix.shape[1]
    columns = csr_array(matrix.T)
    pattern = csr_array((np.ones_like(columns.data), columns.indices, columns.indptr), shape=columns.shape)
    centre = _Centre(matrix, similarity)
    step = max(1, _BLOCK_CELLS // items)
    blocks = []
    for first in range(0, items, step):
        rows = slice(first, min(first + step, items))
        block = centre.similarities(columns[rows] @ matrix, rows)
        both = (pattern[rows] @ pattern.T).toarray()
        block *= both / np.maximum(both + shrinkage, 1)
        blocks.append(largest_of_rows(np.maximum(block, 0, out=block), count, first))
        tell(rows.stop, items)
    return csr_array(vstack(blocks, format="csr"))


class _Centre:
    """What centring takes off the inner products of columns, without making the matrix dense."""

    def __init__(self, matrix: csr_array, similarity: Similarity) -> None:
        users, items = matrix.shape
        squares = np.asarray(matrix.multiply(matrix).sum(axis=0)).ravel()
        self._left: NDArray[np.float64] = np.zeros(items)
        self._constant = 0.0
        self._products = False
        if similarity == "adjusted_cosine":
            means = np.asarray(matrix.sum(axis=1)).ravel() / items
            self._left, self._constant = matrix.T @ means, float(means @ means)
            squares = squares - 2 * self._left + self._constant
        elif similarity == "pearson":
            self._left, self._products = np.asarray(matrix.sum(axis=0)).ravel() / users**0.5, True
            squares = squares - self._left**2
        lengths = np.sqrt(np.maximum(squares, 0))
        self._scale = np.divide(1, lengths, out=np.zeros(items), where=lengths > 1e-12)

    def similarities(self, products: csr_array, rows: slice) -> NDArray[np.float64]:
        dense: NDArray[np.float64] = products.toarray()
        if self._products:
            dense -= np.outer(self._left[rows], self._left)
        elif self._constant:
            dense -= self._left[rows, None] + self._left - self._constant
        dense *= self._scale[rows, None]
        dense *= self._scale
        return dense
