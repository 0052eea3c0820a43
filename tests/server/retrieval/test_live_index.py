import threading
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from recstream_server.retrieval.bitmap import bitmap_of
from recstream_server.retrieval.live_index import LiveIndex
from recstream_server.settings import RetrievalSettings

from recstream import ExactIndex
from recstream.errors import ConfigurationError

ROWS, DIMENSION = 600, 6
EXHAUSTIVE = [("IVF8,Flat", "nprobe=8"), ("Flat", "")]


def faiss(factory: str, parameters: str = "") -> RetrievalSettings:
    return RetrievalSettings(kind="faiss", faiss_factory=factory, faiss_search_parameters=parameters)


def whole_numbers(rng: np.random.Generator, rows: int) -> np.ndarray:
    """Vectors whose inner products float32 holds exactly, so that FAISS ranks them as the core does."""
    return rng.integers(-1000, 1000, (rows, DIMENSION)).astype(np.float32)


class FollowsADictionary(RuleBasedStateMachine):
    """Over a base that looks at all it has, answers are exact whatever happened before."""

    @initialize(base=st.sampled_from(EXHAUSTIVE), seed=st.integers(0, 2**32 - 1))
    def start(self, base: tuple[str, str], seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        vectors = whole_numbers(self.rng, ROWS)
        self.vectors, self.alive = vectors.copy(), np.ones(ROWS, bool)
        self.index = LiveIndex(ExactIndex(vectors, threads=1), faiss(*base), rebuild_share=0.1)

    def teardown(self) -> None:
        if hasattr(self, "index"):
            self.index.close()

    @rule(known=st.sampled_from([0, 1, 30]), fresh=st.sampled_from([0, 1, 80]))
    def upsert(self, known: int, fresh: int) -> None:
        total = len(self.vectors)
        rows = np.append(self.rng.integers(0, total, known), np.arange(total, total + fresh))
        rows = self.rng.permutation(np.append(rows, rows[:2]))
        values = whole_numbers(self.rng, len(rows))
        self.index.upsert(rows, values)
        self.vectors = np.concatenate([self.vectors, np.zeros((fresh, DIMENSION), np.float32)])
        self.alive = np.append(self.alive, np.ones(fresh, bool))
        for row, value in zip(rows, values, strict=True):
            self.vectors[row], self.alive[row] = value, True

    @rule(share=st.sampled_from([0.01, 0.2, 0.7]))
    def delete(self, share: float) -> None:
        rows = self.rng.permutation(len(self.vectors))[: int(share * len(self.vectors))]
        self.index.delete(np.append(rows, rows[:2]))
        self.alive[rows] = False

    @rule()
    def wait_for_a_rebuild(self) -> None:
        self.index.wait()

    @rule(
        k=st.sampled_from([1, 7, 30]),
        excluded=st.sampled_from([None, 0, 40]),
        allow=st.sampled_from(["none", "shared", "each"]),
        share=st.sampled_from([0.01, 0.5, 1.0]),
    )
    def search(self, k: int, excluded: int | None, allow: str, share: float) -> None:
        total = len(self.vectors)
        queries = whole_numbers(self.rng, 3)
        exclude = None if excluded is None else [self.rng.integers(-2, total + 5, excluded) for _ in queries]
        allowed = self.rng.random((3, total)) < share
        bitmaps = np.stack([bitmap_of(row) for row in allowed])
        if allow == "none":
            allowed[:] = True
        if allow == "shared":
            allowed[:] = allowed[0]
        given = {"none": None, "shared": bitmaps[0], "each": bitmaps}[allow]
        scores, rows = self.index.search(queries, k, exclude=exclude, allow=given)
        for q, query in enumerate(queries):
            eligible = self.alive & allowed[q]
            if exclude is not None:
                eligible[[row for row in exclude[q] if 0 <= row < total]] = False
            self.check(scores[q], rows[q], query, eligible)

    def check(self, scores: np.ndarray, rows: np.ndarray, query: np.ndarray, eligible: np.ndarray) -> None:
        exact = self.vectors.astype(np.float64) @ query.astype(np.float64)
        best = np.flatnonzero(eligible)
        best = best[np.argsort(-exact[best], kind="stable")][: len(rows)]
        found = rows[: len(best)]
        # Which of equals comes is the base's choice when there are more of them than it proposes.
        np.testing.assert_array_equal(scores[: len(best)], exact[best])
        np.testing.assert_array_equal(exact[found], exact[best])
        assert eligible[found].all()
        assert len(set(found.tolist())) == len(best)
        assert (rows[len(best) :] == -1).all()

    @invariant()
    def counts_agree(self) -> None:
        stats = self.index.stats()
        assert (stats["rows"], stats["deleted"]) == (len(self.vectors), int((~self.alive).sum()))


FollowsADictionary.TestCase.settings = settings(max_examples=40, stateful_step_count=20, derandomize=True)
TestFollowsADictionary = FollowsADictionary.TestCase


def change(index: LiveIndex, rows: Sequence[int], rng: np.random.Generator) -> None:
    index.upsert(np.array(rows, np.int64), whole_numbers(rng, len(rows)))


def test_the_base_is_rebuilt_with_what_changed_and_the_delta_starts_again() -> None:
    rng = np.random.default_rng(1)
    with LiveIndex(ExactIndex(whole_numbers(rng, ROWS)), faiss("IVF8,Flat"), rebuild_share=0.1) as index:
        change(index, range(50), rng)
        assert index.stats() | {"tombstones": 50, "delta_rows": 50, "rebuilds": 0} == index.stats()
        change(index, range(ROWS, ROWS + 20), rng)
        index.delete(np.array([100, ROWS + 1]))
        index.wait()
        stats = index.stats()
        assert (stats["rebuilds"], stats["rebuild_failures"]) == (1, 0)
        # The deletion may have come before the new base was built, or while it was.
        assert stats["base_rows"] - stats["tombstones"] + stats["delta_rows"] == ROWS + 18
        assert stats["delta_rows"] <= 1
        assert index.search(whole_numbers(rng, 1), 10)[1].min() >= 0


def test_rows_that_changed_are_found_whatever_the_base_misses() -> None:
    rng = np.random.default_rng(2)
    with LiveIndex(ExactIndex(whole_numbers(rng, 4000)), faiss("IVF64,Flat", "nprobe=1"), rebuild_share=0.5) as index:
        for number in range(200):
            query = whole_numbers(rng, 1)
            row = np.array([int(rng.integers(0, 4000)) if number % 2 else 4000 + number // 2])
            index.upsert(row, 10 * query)
            scores, rows = index.search(query, 5)
            assert rows[0, 0] == row[0]
            assert scores[0, 0] == np.float32(10 * np.square(query.astype(np.float64)).sum())
            index.delete(row)
            assert row[0] not in index.search(query, 5)[1]


def test_a_rebuild_that_fails_leaves_the_old_base_and_right_answers() -> None:
    rng = np.random.default_rng(3)
    vectors = whole_numbers(rng, 1000)
    with LiveIndex(ExactIndex(vectors), faiss("IVF64,Flat", "nprobe=64"), rebuild_share=0.1) as index:
        index.delete(np.arange(40, 1000))
        index.wait()
        stats = index.stats()
        assert (stats["rebuilds"], stats["rebuild_failures"], stats["base_rows"]) == (0, 1, 1000)
        query = whole_numbers(rng, 1)
        best = np.argsort(-(vectors[:40].astype(np.float64) @ query[0]), kind="stable")[:10]
        np.testing.assert_array_equal(index.search(query, 10)[1][0], best)
        assert index.stats()["scans"] == 0


def test_after_closing_it_answers_and_changes_but_builds_nothing() -> None:
    rng = np.random.default_rng(4)
    index = LiveIndex(ExactIndex(whole_numbers(rng, ROWS)), faiss("IVF8,Flat", "nprobe=8"), rebuild_share=0.1)
    index.close()
    index.close()
    threads = threading.active_count()
    change(index, range(ROWS), rng)
    assert threading.active_count() == threads
    assert index.stats()["rebuilds"] == 0
    query = whole_numbers(rng, 1)
    index.upsert(np.array([5]), 10 * query)
    assert index.search(query, 3)[1][0, 0] == 5


def test_closing_gives_up_a_rebuild() -> None:
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((20_000, DIMENSION)).astype(np.float32)
    before = threading.active_count()
    index = LiveIndex(ExactIndex(vectors), faiss("HNSW16"), rebuild_share=0.001)
    change(index, range(100), rng)
    index.close()
    assert threading.active_count() == before
    assert index.search(vectors[:1], 5)[1].min() >= 0


def test_the_same_changes_give_the_same_answers() -> None:
    answers = []
    for _ in range(2):
        rng = np.random.default_rng(6)
        with LiveIndex(
            ExactIndex(whole_numbers(rng, 3000)), faiss("IVF32,SQ8", "nprobe=2"), rebuild_share=0.1
        ) as index:
            change(index, range(400), rng)
            index.wait()
            change(index, range(2900, 3050), rng)
            answers.append(index.search(whole_numbers(rng, 50), 10))
    np.testing.assert_array_equal(answers[0][0], answers[1][0])
    np.testing.assert_array_equal(answers[0][1], answers[1][1])


def test_recall_can_be_traded_while_it_serves() -> None:
    rng = np.random.default_rng(8)
    catalogue = ExactIndex(whole_numbers(rng, 3000))
    queries = whole_numbers(rng, 20)
    exact = catalogue.search(queries, 10)[1]
    with LiveIndex(catalogue, faiss("IVF64,Flat", "nprobe=1"), rebuild_share=0.05) as index:
        assert (index.search(queries, 10)[1] != exact).any()
        index.tune("nprobe=64")
        np.testing.assert_array_equal(index.search(queries, 10)[1], exact)
        with pytest.raises(ConfigurationError, match="search parameters 'nosuch=1' cannot be used"):
            index.tune("nosuch=1")
        rows = np.arange(200)
        index.upsert(rows, catalogue.vectors(rows))
        index.wait()
        assert index.stats()["rebuilds"] == 1
        np.testing.assert_array_equal(index.search(queries, 10)[1], exact)


def test_a_catalogue_with_deleted_rows_is_refused() -> None:
    catalogue = ExactIndex(np.ones((10, 2), np.float32))
    catalogue.delete(np.array([3]))
    with pytest.raises(ValueError, match="catalogue: 1 of its 10 rows are deleted"):
        LiveIndex(catalogue, faiss("Flat"))


def test_refusals() -> None:
    rng = np.random.default_rng(7)
    query = whole_numbers(rng, 1)
    with LiveIndex(ExactIndex(whole_numbers(rng, ROWS)), faiss("Flat")) as index:
        with pytest.raises(ValueError, match="k must be at least 1"):
            index.search(query, 0)
        with pytest.raises(TypeError, match="queries"):
            index.search(query.astype(np.float64), 1)
        with pytest.raises(ValueError, match="queries must have 6 dimensions, got 2"):
            index.search(np.zeros((1, 2), np.float32), 1)
        with pytest.raises(ValueError, match="exclude must have one array for each of the 1 queries, got 2"):
            index.search(query, 1, exclude=[np.zeros(1, np.int64)] * 2)
        with pytest.raises(TypeError, match="exclude must have int64 arrays"):
            index.search(query, 1, exclude=[np.zeros(1, np.int32)])
        with pytest.raises(ValueError, match="allow must have at least 10 words for 600 rows, got 9"):
            index.search(query, 1, allow=np.zeros(9, np.uint64))
        with pytest.raises(ValueError, match="allow must have one row for each of the 1 queries, got 3"):
            index.search(query, 1, allow=np.zeros((3, 10), np.uint64))
        with pytest.raises(TypeError, match="allow must be a uint64 array"):
            index.search(query, 1, allow=np.zeros(10, np.int64))
        with pytest.raises(ValueError, match="would leave a gap"):
            index.upsert(np.array([ROWS + 1]), query)
        with pytest.raises(ValueError, match="rows: 600 is unknown"):
            index.delete(np.array([ROWS]))
        with pytest.raises(ValueError, match="not finite"):
            index.upsert(np.array([0]), np.full((1, DIMENSION), np.inf, np.float32))
        assert index.stats()["delta_rows"] == 0
        assert index.search(np.zeros((0, DIMENSION), np.float32), 3)[1].shape == (0, 3)
