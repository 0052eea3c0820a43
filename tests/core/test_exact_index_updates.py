"""ExactIndex under upsert and delete: any sequence of them leaves what a plain dictionary would hold."""

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from recstream import _core

BLOCK = 1024  # Rows that the index copies together: the sizes below lie around its edges.


class UpdatesMatchADictionary(RuleBasedStateMachine):
    """The machine's model: `vectors`, row by row, and `alive`."""

    @initialize(
        rows=st.sampled_from([0, 1, 5, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3]),
        dimension=st.sampled_from([1, 3, 8, 17]),
        level=st.sampled_from(_core.simd_levels()),
        seed=st.integers(0, 2**32),
    )
    def make(self, rows: int, dimension: int, level: str, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.given = self.integers(rows, dimension)
        self.vectors = self.given.copy()
        self.untouched = self.given.copy()
        self.alive = np.ones(rows, bool)
        self.index = _core.ExactIndex(self.given, level=level)

    def integers(self, rows: int, dimension: int) -> np.ndarray:
        """Numbers whose scores are exact in any order, with many ties."""
        return self.rng.integers(-4, 5, (rows, dimension)).astype(np.float32)

    @rule(known=st.integers(0, 20), fresh=st.sampled_from([0, 1, 2, 40, BLOCK, BLOCK + 7]))
    def upsert(self, known: int, fresh: int) -> None:
        old = self.rng.integers(0, len(self.vectors), known) if len(self.vectors) else np.zeros(0, np.int64)
        new = np.arange(len(self.vectors), len(self.vectors) + fresh)
        rows = self.rng.permutation(np.concatenate([old, new, new[:3]])).astype(np.int64)
        values = self.integers(len(rows), self.vectors.shape[1])
        self.index.upsert(rows, values)
        self.vectors = np.concatenate([self.vectors, np.zeros((fresh, self.vectors.shape[1]), np.float32)])
        self.alive = np.concatenate([self.alive, np.ones(fresh, bool)])
        for row, value in zip(rows, values, strict=True):
            self.vectors[row] = value
            self.alive[row] = True

    @rule(share=st.sampled_from([0.01, 0.3, 1.0]))
    def delete(self, share: float) -> None:
        rows = self.rng.permutation(len(self.vectors))[: int(np.ceil(share * len(self.vectors)))]
        self.index.delete(np.concatenate([rows, rows[:2]]).astype(np.int64))
        self.alive[rows] = False

    @rule(k=st.sampled_from([1, 7, 5000]))
    def search(self, k: int) -> None:
        queries = self.integers(2, self.vectors.shape[1])
        excluded = self.rng.permutation(len(self.vectors))[:50].astype(np.int64)
        scores, rows = self.index.search(queries, k, exclude=[excluded, excluded[:0]])
        for q, excluded_rows in enumerate((excluded, excluded[:0])):
            exact = self.vectors.astype(np.float64) @ queries[q].astype(np.float64)
            best = np.setdiff1d(np.flatnonzero(self.alive), excluded_rows)
            best = best[np.argsort(-exact[best], kind="stable")][:k]
            np.testing.assert_array_equal(rows[q, : len(best)], best)
            np.testing.assert_array_equal(scores[q, : len(best)], exact[best])
            assert (rows[q, len(best) :] == -1).all()

    @rule(k=st.sampled_from([1, 7, 300]), share=st.sampled_from([0.02, 0.5, 1.0]))
    def search_with_a_shared_bitmap(self, k: int, share: float) -> None:
        queries = self.integers(8, self.vectors.shape[1])
        words = (len(self.vectors) + 63) // 64
        # Bits beyond the last row are set: they mean nothing.
        bits = np.append(self.rng.random(len(self.vectors)) < share, np.ones(words * 64 - len(self.vectors), bool))
        allow = np.packbits(bits, bitorder="little").view(np.uint64)
        scores, rows = self.index.search(queries, k, allow=allow)
        eligible = np.flatnonzero(self.alive & bits[: len(self.vectors)])
        for q, query in enumerate(queries):
            exact = self.vectors.astype(np.float64) @ query.astype(np.float64)
            best = eligible[np.argsort(-exact[eligible], kind="stable")][:k]
            np.testing.assert_array_equal(rows[q, : len(best)], best)
            np.testing.assert_array_equal(scores[q, : len(best)], exact[best])
            assert (rows[q, len(best) :] == -1).all()

    @invariant()
    def counts_agree(self) -> None:
        stats = self.index.stats()
        assert stats["rows"] == len(self.vectors)
        assert stats["deleted"] == int((~self.alive).sum())

    @invariant()
    def the_borrowed_array_is_left_alone(self) -> None:
        np.testing.assert_array_equal(self.given, self.untouched)


UpdatesMatchADictionary.TestCase.settings = settings(max_examples=60, stateful_step_count=20, derandomize=True)
TestUpdatesMatchADictionary = UpdatesMatchADictionary.TestCase


def test_a_row_made_shorter_stops_being_found() -> None:
    vectors = np.full((BLOCK, 2), 0.5, np.float32)
    index = _core.ExactIndex(vectors)
    index.upsert(np.array([3]), np.full((1, 2), 3e38, np.float32))
    assert index.search(np.full((1, 2), 3e38, np.float32), 1)[1][0, 0] == 3
    index.upsert(np.array([3]), np.zeros((1, 2), np.float32))
    scores, rows = index.search(np.ones((1, 2), np.float32), BLOCK)
    assert scores[0, 0] == 1
    assert rows[0, -1] == 3


@pytest.mark.parametrize("rows", [0, 1, BLOCK, BLOCK + 1])
def test_one_row_at_a_time(rows: int) -> None:
    index = _core.ExactIndex(np.zeros((rows, 1), np.float32))
    for new in range(rows, rows + 30):
        index.upsert(np.array([new]), np.array([[new + 1]], np.float32))
        scores, found = index.search(np.ones((1, 1), np.float32), 2)
        assert found[0, 0] == new
        assert scores[0, 0] == new + 1
