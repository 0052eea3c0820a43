"""ExactIndex.search against a float64 NumPy oracle."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from recstream import _core

LEVELS = _core.simd_levels()

# Each makes numbers that are hard on a float32 scan in another way.
KINDS = {
    "gaussian": lambda rng, shape: rng.standard_normal(shape),
    "few integers, many ties": lambda rng, shape: rng.integers(-1, 2, shape),
    "denormal": lambda rng, shape: rng.integers(-100, 101, shape) * 2.0**-149,
    "around the smallest normal": lambda rng, shape: rng.standard_normal(shape) * 2.0**-126,
    "huge": lambda rng, shape: rng.standard_normal(shape) * 1e37,
    "largest": lambda rng, shape: rng.choice([-1.0, 0.0, 1.0], shape) * np.finfo(np.float32).max,
    "any magnitude": lambda rng, shape: rng.choice([-1, 1], shape) * 2.0 ** rng.integers(-149, 127, shape),
    "skewed norms": lambda rng, shape: rng.standard_normal(shape) * 10.0 ** rng.integers(-6, 7, (shape[0], 1)),
    "nearly equal": lambda rng, shape: 1 + rng.integers(0, 3, shape) * 2.0**-23,
    "cancelling": lambda rng, shape: np.where(np.arange(shape[1]) % 2, -1, 1) * (1e3 + rng.standard_normal(shape)),
    "order of additions decides": lambda rng, shape: (
        rng.choice([-1.0, 1.0], shape) * 2.0 ** rng.choice([0, 30, 60], shape)
    ),
    "zero": lambda rng, shape: np.zeros(shape),
}


@dataclass
class Case:
    """A search and what restricts it."""

    vectors: NDArray[np.float32]
    queries: NDArray[np.float32]
    k: int
    exclude: list[NDArray[np.int64]] | None
    allow: NDArray[np.uint64] | None

    def eligible(self) -> NDArray[np.bool_]:
        rows = np.ones((len(self.queries), len(self.vectors)), bool)
        if self.allow is not None:
            bits = np.unpackbits(self.allow.view(np.uint8), axis=-1, bitorder="little").astype(bool)
            rows &= np.atleast_2d(bits)[:, : len(self.vectors)]
        for q, excluded in enumerate(self.exclude or []):
            rows[q, excluded[(excluded >= 0) & (excluded < len(self.vectors))]] = False
        return rows


def numbers(rng: np.random.Generator, kind: str, rows: int, dimension: int) -> NDArray[np.float32]:
    made = np.asarray(KINDS[kind](rng, (rows, dimension)))
    return np.clip(made, np.finfo(np.float32).min, np.finfo(np.float32).max).astype(np.float32)


@st.composite
def cases(draw: st.DrawFn, dimensions: st.SearchStrategy[int], most_rows: int) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dimension = draw(dimensions)
    rows = draw(st.one_of(st.integers(0, 3), st.integers(0, most_rows), st.sampled_from([63, 64, 65, 1024, 1025])))
    vectors = numbers(rng, draw(st.sampled_from(sorted(KINDS))), rows, dimension)
    if rows and draw(st.booleans()):
        vectors = np.ascontiguousarray(vectors[rng.integers(0, max(1, rows // 4), rows)])
    batch = draw(st.sampled_from([0, 1, 2, 3, 4, 9]))
    queries = numbers(rng, draw(st.sampled_from(sorted(KINDS))), batch, dimension)
    k = draw(st.one_of(st.integers(1, 12), st.integers(1, rows + 5)))
    exclude = None
    if draw(st.booleans()):
        share = draw(st.sampled_from([0.0, 0.5, 0.99, 1.0]))
        exclude = [rng.permutation(np.arange(-2, rows + 2))[: int(share * (rows + 4))] for _ in range(batch)]
        exclude = [np.concatenate([chosen, chosen[:1]]) for chosen in exclude]
    allow = None
    if draw(st.booleans()):
        words = (rows + 63) // 64 + draw(st.integers(0, 2))
        density = draw(st.sampled_from([0.0, 0.01, 0.5, 1.0]))
        shape = (words * 8,) if draw(st.booleans()) else (batch, words * 8)
        octets = np.packbits(rng.random((*shape, 8)) < density, axis=-1, bitorder="little")[..., 0]
        allow = np.ascontiguousarray(octets).view(np.uint64)
    return Case(vectors, queries, k, exclude, allow)


def check(case: Case, exact_scores, level: str, threads: int) -> None:
    index = _core.ExactIndex(case.vectors, threads=threads, level=level)
    scores, rows = index.search(case.queries, case.k, exclude=case.exclude, allow=case.allow)
    assert scores.dtype == np.float32
    assert rows.dtype == np.int64
    assert scores.shape == rows.shape == (len(case.queries), case.k)
    for q, eligible in enumerate(case.eligible()):
        exact = exact_scores(case.vectors, case.queries[q])
        best = np.flatnonzero(eligible)
        best = best[np.argsort(-exact[best], kind="stable")][: case.k]
        np.testing.assert_array_equal(rows[q, : len(best)], best)
        with np.errstate(over="ignore"):
            np.testing.assert_array_equal(scores[q, : len(best)], exact[best].astype(np.float32))
        assert (rows[q, len(best) :] == -1).all()
        assert np.isneginf(scores[q, len(best) :]).all()


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=500, derandomize=True)
@given(case=cases(st.integers(1, 130), 300))
def test_search_is_the_float64_ranking(exact_scores, level: str, case: Case) -> None:
    check(case, exact_scores, level, threads=1)


@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=12, derandomize=True)
@given(case=cases(st.sampled_from([255, 768, 1537, 2047, 2048]), 80))
def test_search_is_the_float64_ranking_of_long_vectors(exact_scores, level: str, case: Case) -> None:
    check(case, exact_scores, level, threads=1)


@pytest.mark.full
@pytest.mark.parametrize("level", LEVELS)
@settings(max_examples=20_000)
@given(case=cases(st.integers(1, 130), 2500))
def test_search_is_the_float64_ranking_campaign(exact_scores, level: str, case: Case) -> None:
    check(case, exact_scores, level, threads=2)


@pytest.mark.parametrize("dimension", range(1, 131))
def test_every_dimension_against_an_order_free_oracle(dimension: int) -> None:
    """Sums of small integers are exact in any order, so plain matrix products are an independent oracle."""
    rng = np.random.default_rng(dimension)
    vectors = rng.integers(-3, 4, (70, dimension)).astype(np.float32)
    queries = rng.integers(-3, 4, (2, dimension)).astype(np.float32)
    exact = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    best = np.argsort(-exact, axis=1, kind="stable")
    for level in LEVELS:
        scores, rows = _core.ExactIndex(vectors, threads=1, level=level).search(queries, 70)
        np.testing.assert_array_equal(rows, best)
        np.testing.assert_array_equal(scores, np.take_along_axis(exact, best, 1))


def test_same_bits_at_every_level_and_thread_count() -> None:
    rng = np.random.default_rng(5)
    vectors = rng.standard_normal((20_000, 64)).astype(np.float32)
    vectors[rng.integers(0, 20_000, 5_000)] = vectors[7]
    queries = rng.standard_normal((64, 64)).astype(np.float32)
    queries[3] = vectors[7]
    scores, rows = _core.ExactIndex(vectors, threads=1, level="scalar").search(queries, 50)
    for level in LEVELS:
        for threads in (0, 1, 2, 5):
            index = _core.ExactIndex(vectors, threads=threads, level=level)
            for first, last in ((0, 64), (3, 4), (10, 43)):
                some_scores, some_rows = index.search(queries[first:last], 50)
                np.testing.assert_array_equal(some_rows, rows[first:last])
                np.testing.assert_array_equal(some_scores.view(np.uint32), scores[first:last].view(np.uint32))


def test_order_within_float32_resolution_is_that_of_float64() -> None:
    """All scores round to the same float32, and the float32 scan cannot tell them apart."""
    rng = np.random.default_rng(11)
    vectors = np.ones((3000, 40), np.float32)
    vectors[:, 1] = rng.permutation(3000).astype(np.float32) * np.float32(2.0**-40)
    query = np.ones((1, 40), np.float32)
    for level in LEVELS:
        scores, rows = _core.ExactIndex(vectors, level=level).search(query, 100)
        np.testing.assert_array_equal(rows[0], np.argsort(-vectors[:, 1], kind="stable")[:100])
        assert (scores == 39.0).all()


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dimension", [16, 128, 2048])
def test_the_bound_covers_what_float32_loses(level: str, dimension: int) -> None:
    """Row 0 adds many halves of an ulp to 1, and float32 rounds each of them away, so that the others look better."""
    ulp = 2.0**-23
    tails = np.arange(8, dimension, 8)  # All in one partial sum.
    vectors = np.zeros((len(tails) + 1, dimension), np.float32)
    vectors[0, 0] = 1
    vectors[0, tails] = 2.0**-12
    vectors[1:, 0] = 1 + ulp * (np.arange(len(tails)) // 2)
    query = np.zeros((1, dimension), np.float32)
    query[0, 0] = 1
    query[0, tails] = 2.0**-12
    assert np.argmax(vectors.astype(np.float64) @ query[0].astype(np.float64)) == 0
    assert _core.ExactIndex(vectors, level=level).search(query, 1)[1][0, 0] == 0
    # The bound also holds for what took the place of shorter vectors.
    changed = _core.ExactIndex(np.zeros_like(vectors), level=level)
    changed.upsert(np.arange(len(vectors)), vectors)
    assert changed.search(query, 1)[1][0, 0] == 0


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("dimension", [8, 128, 2048])
def test_the_bound_covers_what_underflows(level: str, dimension: int) -> None:
    """Each product of row 0 underflows to nothing in float32; together they are more than the one that row 1 keeps."""
    vectors = np.full((2, dimension), 2.0**-76, np.float32)
    vectors[1] = 0
    vectors[1, 0] = 2.0**-74
    query = np.full((1, dimension), 2.0**-75, np.float32)
    assert _core.ExactIndex(vectors, level=level).search(query, 1)[1][0, 0] == 0


@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("k", [1, 10, 30])
def test_k_rows_come_back_whenever_k_are_eligible(share: float, k: int) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((3000, 16)).astype(np.float32)
    queries = rng.standard_normal((5, 16)).astype(np.float32)
    # The best ones go first: the hardest case for a search that looks no further than its first candidates.
    order = np.argsort(-(queries @ vectors.T), axis=1)
    exclude = [order[q, : int(share * 3000)].astype(np.int64) for q in range(5)]
    _, rows = _core.ExactIndex(vectors).search(queries, k, exclude=exclude)
    np.testing.assert_array_equal(rows, order[:, int(share * 3000) : int(share * 3000) + k])


@pytest.mark.parametrize("level", LEVELS)
def test_scores_that_float32_cannot_tell_apart_keep_their_order(level: str) -> None:
    vectors = np.ones((3000, 2), np.float32)
    vectors[:, 1] = np.random.default_rng(1).permutation(3000) * 2.0**-60
    query = np.array([[1, 2.0**10]], np.float32)  # scores of 1 + i * 2^-50
    _, rows = _core.ExactIndex(vectors, level=level).search(query, 50)
    np.testing.assert_array_equal(rows[0], np.argsort(-vectors[:, 1])[:50])


@pytest.mark.parametrize("level", LEVELS)
def test_zeros_of_both_signs_are_ties(level: str) -> None:
    vectors = np.full((500, 1), 1e-45, np.float32)
    vectors[::2] *= -1
    query = np.array([[0.0]], np.float32)
    _, rows = _core.ExactIndex(vectors, level=level).search(query, 20)
    np.testing.assert_array_equal(rows[0], np.arange(20))


def test_a_large_cosine_among_many_rows_is_found_by_every_level() -> None:
    """With norms that fall steeply the scan looks at some of the dimensions first, and leaves most groups there."""
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((20_000, 64)).astype(np.float32)
    vectors *= (rng.gamma(2.0, 0.5, (20_000, 1)) / 8).astype(np.float32)
    queries = rng.standard_normal((6, 64)).astype(np.float32)
    hidden = np.argsort(np.linalg.norm(vectors, axis=1))[19_000:19_006]
    norms = np.linalg.norm(vectors[hidden], axis=1, keepdims=True)
    vectors[hidden] = queries / np.linalg.norm(queries, axis=1, keepdims=True) * norms
    best = np.argsort(-(queries.astype(np.float64) @ vectors.astype(np.float64).T), axis=1)[:, :3]
    assert np.isin(hidden, best).all()
    for level in LEVELS:
        _, rows = _core.ExactIndex(vectors, level=level).search(queries, 3)
        np.testing.assert_array_equal(rows, best)


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("batch", [1, 3, 4, 9])
@pytest.mark.parametrize("shared", [False, True])
def test_filters_of_a_batch_beside_changed_rows(exact_scores, level: str, batch: int, shared: bool) -> None:
    rng = np.random.default_rng(batch)
    vectors = rng.standard_normal((1500, 20)).astype(np.float32)
    index = _core.ExactIndex(vectors.copy(), threads=2, level=level)
    changed, gone = rng.permutation(1500)[:60], rng.permutation(1500)[:200]
    vectors[changed] = rng.standard_normal((60, 20)).astype(np.float32)
    index.upsert(changed, vectors[changed])
    index.delete(gone)
    passes = np.broadcast_to(rng.random((1 if shared else batch, 1536)) < 0.7, (batch, 1536))
    allow = np.packbits(passes, axis=-1, bitorder="little").view(np.uint64)
    exclude = [rng.integers(0, 1500, 30 * (q % 2)) for q in range(batch)]
    queries = rng.standard_normal((batch, 20)).astype(np.float32)
    scores, rows = index.search(queries, 50, exclude=exclude, allow=allow[0] if shared else np.ascontiguousarray(allow))
    for q in range(batch):
        eligible = passes[q, :1500].copy()
        eligible[gone] = eligible[exclude[q]] = False
        exact = exact_scores(vectors, queries[q])
        best = np.flatnonzero(eligible)
        best = best[np.argsort(-exact[best], kind="stable")][:50]
        np.testing.assert_array_equal(rows[q], best)
        np.testing.assert_array_equal(scores[q], exact[best].astype(np.float32))


def test_stats() -> None:
    index = _core.ExactIndex(np.eye(5, dtype=np.float32), level="scalar")
    index.search(np.ones((2, 5), np.float32), 2)
    index.delete(np.array([1, 1]))
    stats = index.stats()
    assert stats["bytes"] >= 5 * 5 * 4
    assert {name: stats[name] for name in ("rows", "deleted", "dimension", "level", "scans", "mean_rescored")} == {
        "rows": 5,
        "deleted": 1,
        "dimension": 5,
        "level": "scalar",
        "scans": 2,
        "mean_rescored": 5.0,
    }


def test_mean_scanned_tells_how_soon_a_scan_stops() -> None:
    norms = np.geomspace(1, 1e-6, 5000)[:, None]
    vectors = (np.random.default_rng(1).standard_normal((5000, 8)) * norms).astype(np.float32)
    index = _core.ExactIndex(vectors, threads=1)
    assert index.stats()["mean_scanned"] == 0
    index.search(vectors[:3], 10)
    assert 10 <= index.stats()["mean_scanned"] < 2500
    index.search(vectors[:1], 5000)
    # The three from before, and one that reads all.
    assert 1250 <= index.stats()["mean_scanned"] < 3125
