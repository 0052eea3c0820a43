"""The background merge: answers are the same before, while and after the rows are coded anew."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from recstream import _core

ROWS, DIMENSION, K = 20_000, 16, 25


def wait_for(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def whole_numbers(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Whose scores are exact in any order, with many ties."""
    return rng.integers(-4, 5, (rows, DIMENSION)).astype(np.float32)


def assert_exact(index: _core.ExactIndex, vectors: np.ndarray, alive: np.ndarray, queries: np.ndarray) -> None:
    scores, rows = index.search(queries, K)
    live = np.flatnonzero(alive)
    for q, query in enumerate(queries):
        exact = vectors[live].astype(np.float64) @ query.astype(np.float64)
        best = np.argsort(-exact, kind="stable")[:K]
        np.testing.assert_array_equal(rows[q], live[best])
        np.testing.assert_array_equal(scores[q], exact[best])


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_rows_set_in_bulk_are_merged(share: float) -> None:
    rng = np.random.default_rng(1)
    vectors = whole_numbers(rng, ROWS)
    index = _core.ExactIndex(vectors.copy())
    assert index.stats()["merges"] == 0
    queries = whole_numbers(rng, 3)
    rows = rng.permutation(ROWS)[: int(share * ROWS)]
    vectors[rows] = whole_numbers(rng, len(rows))
    index.upsert(rows, vectors[rows])
    assert_exact(index, vectors, np.ones(ROWS, bool), queries)
    wait_for(lambda: index.stats()["merges"] == 1)
    assert index.stats()["changed"] == 0
    assert_exact(index, vectors, np.ones(ROWS, bool), queries)


def test_deleted_rows_are_merged_away() -> None:
    rng = np.random.default_rng(2)
    vectors = whole_numbers(rng, ROWS)
    index = _core.ExactIndex(vectors.copy())
    before = index.stats()["bytes"]
    alive = rng.random(ROWS) < 0.5
    index.delete(np.flatnonzero(~alive))
    assert_exact(index, vectors, alive, whole_numbers(rng, 3))
    wait_for(lambda: index.stats()["merges"] == 1)
    assert index.stats()["bytes"] < before
    assert_exact(index, vectors, alive, whole_numbers(rng, 3))


def test_writes_while_rows_are_merged() -> None:
    """A writer that never rests, of rows old and new, and checks what it wrote after every write."""
    rng = np.random.default_rng(3)
    vectors = whole_numbers(rng, ROWS)
    index = _core.ExactIndex(vectors.copy())
    alive = np.ones(ROWS, bool)
    turns = 0
    while index.stats()["merges"] < 4:
        turns += 1
        assert turns < 5000
        old = rng.integers(0, len(vectors), 200)
        new = np.arange(len(vectors), len(vectors) + 20)
        vectors = np.concatenate([vectors, np.zeros((20, DIMENSION), np.float32)])
        alive = np.concatenate([alive, np.ones(20, bool)])
        rows = np.unique(np.concatenate([old, new]))
        vectors[rows] = whole_numbers(rng, len(rows))
        alive[rows] = True
        index.upsert(rows, vectors[rows])
        gone = rng.integers(0, len(vectors), 60)
        alive[gone] = False
        index.delete(gone)
        assert_exact(index, vectors, alive, whole_numbers(rng, 1))


def test_few_changes_are_left_alone() -> None:
    index = _core.ExactIndex(np.ones((ROWS, DIMENSION), np.float32))
    index.upsert(np.arange(ROWS // 32), np.zeros((ROWS // 32, DIMENSION), np.float32))
    index.delete(np.arange(ROWS // 4))
    time.sleep(0.1)  # In which a merge would be done.
    assert index.stats()["merges"] == 0
    assert index.stats()["changed"] == ROWS // 32


def test_an_index_may_go_while_it_merges() -> None:
    rng = np.random.default_rng(4)
    vectors = rng.standard_normal((100_000, 64)).astype(np.float32)
    for _ in range(3):
        index = _core.ExactIndex(vectors)
        index.upsert(np.arange(10_000), vectors[:10_000])
        del index


def test_bytes_count_room_for_rows_to_come() -> None:
    """The first row of a block of its own takes the memory of 1024."""
    index = _core.ExactIndex(np.ones((1024, DIMENSION), np.float32))
    before = index.stats()["bytes"]
    index.upsert(np.array([1024]), np.ones((1, DIMENSION), np.float32))
    first = index.stats()["bytes"]
    assert first - before > 1024 * DIMENSION * 4
    index.upsert(np.array([1025]), np.ones((1, DIMENSION), np.float32))
    assert index.stats()["bytes"] - first < 100


def test_memory_beyond_the_vectors() -> None:
    """At 64 dimensions codes, norms, row numbers and bitmaps take less than 30% of the vectors."""
    vectors = np.ones((50 * 1024, 64), np.float32)
    assert _core.ExactIndex(vectors).stats()["bytes"] < 1.3 * vectors.nbytes
