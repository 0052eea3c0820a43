"""What the families that retrieve by neighbours have in common: a sparse matrix, learned in one pass."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from recstream._core import NeighbourScorer
from recstream.bundle import Encoder
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models.model import Serving

Csr = tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]
"""Row pointers, columns and values of a sparse matrix, as bundles and the core have it."""


class NeighbourModel:
    """See `recstream_trainer.models.Model`. Scores are those of the core, which is what the server computes with.

    Parameters
    ----------
    train : Interactions
        Whose histories are scored.
    item_count : int
    learn : callable
        Makes the matrix, and the loss to report.
    scorer : callable
        What the core makes of the matrix.
    encoder : Encoder
    """

    def __init__(
        self,
        train: Interactions,
        item_count: int,
        *,
        learn: Callable[[], tuple[Csr, float]],
        scorer: Callable[[Csr], NeighbourScorer],
        encoder: Encoder,
    ) -> None:
        self._train = train
        self._item_count = item_count
        self._learn = learn
        self._make_scorer = scorer
        self._encoder = encoder
        self._matrix: Csr | None = None
        self._scorer: NeighbourScorer | None = None

    def run_epoch(self) -> float:
        """See `Model`."""
        matrix, loss = self._learn()
        self._take(matrix)
        return loss

    def _take(self, matrix: Csr) -> None:
        self._matrix = matrix
        self._scorer = self._make_scorer(matrix)

    def finish(self) -> None:
        """See `Model`; nothing is left to do."""

    def score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Model`."""
        assert self._scorer is not None  # noqa: S101 - a programming error, not an input
        scores = np.empty((len(users), self._item_count), dtype=np.float32)
        for place, user in enumerate(users):
            entries = slice(self._train.indptr[user], self._train.indptr[user + 1])
            rows = self._train.items[entries].astype(np.int64)
            scores[place] = self._scorer.scores(rows, self._train.weights[entries])
        return scores

    def state(self) -> dict[str, NDArray[Any]]:
        """See `Model`."""
        assert self._matrix is not None  # noqa: S101 - as above
        return dict(zip(("indptr", "rows", "weights"), (part.copy() for part in self._matrix), strict=True))

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See `Model`."""
        self._take((state["indptr"].copy(), state["rows"].copy(), state["weights"].copy()))

    def serving(self) -> Serving:
        """See `Model`."""
        users, items = (np.zeros((n, 0), dtype=np.float32) for n in (self._train.user_count, self._item_count))
        return Serving(users, items, self._encoder, neighbours=self._matrix)


def as_csr(matrix: csr_array) -> Csr:
    """The parts of a SciPy matrix, columns rising and without zeros."""
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int32), matrix.data.astype(np.float32)


def user_item_matrix(train: Interactions, item_count: int) -> csr_array:
    """Weights as float64 (U, N); of a pair given twice, their sum."""
    shape = train.user_count, item_count
    parts = train.weights.astype(np.float64), train.items.astype(np.int32), train.indptr
    matrix = csr_array(parts, shape=shape)
    matrix.sum_duplicates()
    return matrix


def largest_of_rows(block: NDArray[np.floating], count: int, first_row: int = 0) -> csr_array:
    """The `count` entries of each row with the largest magnitude, without the diagonal, as a sparse matrix.

    Parameters
    ----------
    block : float (B, N)
        Changed: the diagonal is set to 0.
    first_row : int
        Row of the whole matrix that the block begins with.
    """
    rows = np.arange(len(block))
    block[rows, first_row + rows] = 0
    kept = min(count, block.shape[1])
    columns = np.argpartition(-np.abs(block), kept - 1, axis=1)[:, :kept]
    values = np.take_along_axis(block, columns, axis=1)
    pointers = np.arange(0, kept * len(block) + 1, kept)
    return csr_array((values.ravel(), columns.ravel(), pointers), shape=block.shape)
