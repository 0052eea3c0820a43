"""The ranking that the contract promises, computed in NumPy, and what answers deviate from it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BLOCK_ITEMS, BLOCK_QUERIES = 32_768, 256


@dataclass(frozen=True)
class Truth:
    """Best first; ties by lower row.

    Attributes
    ----------
    rows : int64 (Q, k), -1 where there are fewer than k rows
    scores : float32 (Q, k), -inf where there are fewer than k rows
    """

    rows: NDArray[np.int64]
    scores: NDArray[np.float32]


def exact_top(vectors: NDArray[np.float32], queries: NDArray[np.float32], k: int) -> Truth:
    """Rank by the float64 inner product, summed as `recstream.ExactIndex` promises.

    A matrix product in float64 finds the candidates, with room for its other order of additions; these are scored again
    in the promised order.
    """
    rows = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    largest_norm = max(
        (np.sqrt(np.square(block, dtype=np.float64).sum(1).max()) for _, block in _blocks(vectors)), default=0.0
    )
    for first in range(0, len(queries), BLOCK_QUERIES):
        part = queries[first : first + BLOCK_QUERIES].astype(np.float64)
        slack = 4 * vectors.shape[1] * 2.0**-53 * np.linalg.norm(part, axis=1) * largest_norm
        for offset, candidates in enumerate(_candidates(vectors, part, k, slack)):
            exact = fixed_order_scores(vectors[candidates], part[offset])
            best = np.lexsort((candidates, -exact))[:k]
            rows[first + offset, : len(best)] = candidates[best]
            scores[first + offset, : len(best)] = exact[best]
    return Truth(rows, scores)


def fixed_order_scores(vectors: NDArray[np.float32], query: NDArray[np.float64]) -> NDArray[np.float64]:
    """Products, exact in float64, added to eight partial sums by turns, and these pairwise."""
    products = vectors.astype(np.float64) * query
    padding = -products.shape[1] % 8
    sums = np.pad(products, ((0, 0), (0, padding))).reshape(len(products), -1, 8).cumsum(axis=1)[:, -1]
    left = (sums[:, 0] + sums[:, 4]) + (sums[:, 2] + sums[:, 6])
    right = (sums[:, 1] + sums[:, 5]) + (sums[:, 3] + sums[:, 7])
    return np.asarray(left + right)


def mismatches(rows: NDArray[np.int64], scores: NDArray[np.float32], truth: Truth) -> int:
    """Queries with a row or the bits of a score other than promised."""
    k = rows.shape[1]
    wrong = (rows != truth.rows[: len(rows), :k]) | (scores != truth.scores[: len(rows), :k])
    return int(wrong.any(axis=1).sum())


def recall(rows: NDArray[np.int64], truth: Truth) -> float:
    """Share of the true top k that was found."""
    k = rows.shape[1]
    expected = truth.rows[: len(rows), :k]
    found = sum(np.intersect1d(given, wanted[wanted >= 0]).size for given, wanted in zip(rows, expected, strict=True))
    return float(found / max(1, (expected >= 0).sum()))


def _candidates(
    vectors: NDArray[np.float32], queries: NDArray[np.float64], k: int, slack: NDArray[np.float64]
) -> list[NDArray[np.int64]]:
    """Every row that can be among the best k of each query."""
    rows = [np.zeros(0, np.int64) for _ in queries]
    scores = [np.zeros(0) for _ in queries]
    thresholds = np.full(len(queries), -np.inf)
    for start, block in _blocks(vectors):
        products = queries @ block.astype(np.float64).T
        for number, row_products in enumerate(products):
            if len(rows[number]) < k < len(row_products):
                thresholds[number] = np.partition(row_products, -k)[-k] - slack[number]
            (found,) = np.nonzero(row_products >= thresholds[number])
            all_rows = np.concatenate([rows[number], found + start])
            all_scores = np.concatenate([scores[number], row_products[found]])
            if len(all_rows) > k:
                thresholds[number] = np.partition(all_scores, -k)[-k] - slack[number]
            kept = all_scores >= thresholds[number]
            rows[number], scores[number] = all_rows[kept], all_scores[kept]
    return rows


def _blocks(vectors: NDArray[np.float32]) -> list[tuple[int, NDArray[np.float32]]]:
    return [(start, vectors[start : start + BLOCK_ITEMS]) for start in range(0, len(vectors), BLOCK_ITEMS)]
