"""Makers of what the core's classes are built from, and the oracle of its scores."""

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from recstream import _core

MakeIdTable = Callable[[Sequence[str]], _core.IdTable]
ExactScores = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float64]]


@pytest.fixture(scope="session")
def make_id_table() -> MakeIdTable:
    """Make an IdTable of texts."""

    def make(ids: Sequence[str]) -> _core.IdTable:
        encoded = [text.encode() for text in ids]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        offsets[1:] = np.cumsum([len(text) for text in encoded], dtype=np.int64)
        return _core.IdTable(np.frombuffer(b"".join(encoded), np.uint8), offsets)

    return make


@pytest.fixture(scope="session")
def exact_scores() -> ExactScores:
    """Score (N,) rows for one query in float64, in the order of additions that the core promises."""

    def score(vectors: NDArray[np.float32], query: NDArray[np.float32]) -> NDArray[np.float64]:
        products = vectors.astype(np.float64) * query.astype(np.float64)
        sums = np.zeros((len(vectors), 8))
        for j in range(products.shape[1]):
            sums[:, j % 8] += products[:, j]
        left = (sums[:, 0] + sums[:, 4]) + (sums[:, 2] + sums[:, 6])
        right = (sums[:, 1] + sums[:, 5]) + (sums[:, 3] + sums[:, 7])
        return left + right

    return score
