"""Many queries on each kind of vectors that the codes of ExactIndex meet, against the float64 oracle.

Vectors and queries are multiples of 2^-12 below 2^11, times a power of two, so that float64 sums of their products are
exact in any order: a matrix product is the oracle, and a hundred thousand queries take minutes.
"""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from recstream import _core

LEVELS = _core.simd_levels()
Numbers = NDArray[np.float64]
Maker = Callable[[np.random.Generator, tuple[int, int]], Numbers]


def directions(rng: np.random.Generator, shape: tuple[int, int]) -> Numbers:
    made = rng.standard_normal(shape)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True) * 4)


def skewed(rng: np.random.Generator, shape: tuple[int, int]) -> Numbers:
    return directions(rng, shape) * rng.gamma(2, 0.5, (shape[0], 1))


def uneven(rng: np.random.Generator, shape: tuple[int, int]) -> Numbers:
    """Fall off by coordinate and share directions, as factors that were learned do."""
    falling = np.exp(-np.arange(shape[1]) / 6.0) * 8
    shared = rng.standard_normal((6, shape[1]))
    return (rng.standard_normal(shape) + rng.standard_normal((shape[0], 6)) @ shared) * falling / 4


def repeated(rng: np.random.Generator, shape: tuple[int, int]) -> Numbers:
    return directions(rng, shape)[rng.integers(0, max(1, shape[0] // 8), shape[0])]


def few_values(rng: np.random.Generator, shape: tuple[int, int]) -> Numbers:
    return rng.integers(-2, 3, shape).astype(np.float64)


KINDS: dict[str, tuple[Maker, float]] = {
    "equal norms": (directions, 1.0),
    "skewed norms": (skewed, 1.0),
    "uneven coordinates": (uneven, 1.0),
    "duplicates": (repeated, 1.0),
    "ties": (few_values, 1.0),
    "tiny": (skewed, 2.0**-130),
    "small": (skewed, 2.0**-60),
    "huge": (skewed, 2.0**110),
}


def on_grid(numbers: Numbers, scale: float) -> NDArray[np.float32]:
    return (np.clip(np.round(numbers * 2.0**12), -(2**23), 2**23) * 2.0**-12 * scale).astype(np.float32)


def mismatches(kind: str, level: str, seed: int, queries: int) -> int:
    rng = np.random.default_rng(seed)
    make, scale = KINDS[kind]
    rows = int(rng.integers(1, 2000))
    dimension = int(rng.choice([1, 3, 8, 20, 32, 64, 100]))
    k = int(rng.choice([1, 10, 100]))
    vectors = on_grid(make(rng, (rows, dimension)), scale)
    batch = on_grid(make(rng, (queries, dimension)), scale)
    exact = batch.astype(np.float64) @ vectors.T.astype(np.float64)
    best = np.argsort(-exact, axis=1, kind="stable")[:, :k]
    _, found = _core.ExactIndex(vectors, threads=1 + seed % 2, level=level).search(batch, k)
    return int((found[:, : best.shape[1]] != best).any(axis=1).sum())


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_query_is_answered_wrongly(kind: str, level: str) -> None:
    assert sum(mismatches(kind, level, seed, 16) for seed in range(12)) == 0


@pytest.mark.full
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kind", sorted(KINDS))
def test_no_query_in_a_hundred_thousand_is_answered_wrongly(kind: str) -> None:
    wrong = 0
    for seed in range(400):
        wrong += mismatches(kind, LEVELS[seed % len(LEVELS)], 1000 + seed, 250)
    assert wrong == 0
