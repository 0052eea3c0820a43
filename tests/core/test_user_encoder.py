"""UserEncoder against NumPy."""

import gc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recstream import _core

WEIGHTS = st.sampled_from([0.0, 1.0, 0.25, 3.0, 40.0, -1.0, -0.5])
TOUCHED = st.lists(WEIGHTS, max_size=30)


def items_of(seed: int, items: int, dimension: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((items, dimension)).astype(np.float32)


def touches_of(seed: int, items: int, weights: list[float]) -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(seed + 1).integers(0, items, len(weights))
    return rows, np.array(weights, np.float32)


@settings(max_examples=150, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    items=st.integers(1, 60),
    dimension=st.one_of(st.integers(1, 20), st.sampled_from([64, 130])),
    weights=TOUCHED,
    options=st.fixed_dictionaries(
        {
            "unobserved_weight": st.sampled_from([0.0, 0.01, 1.0]),
            "regularization": st.sampled_from([1e-3, 0.1, 10.0]),
            "regularization_exponent": st.sampled_from([0.0, 0.5, 1.0]),
        }
    ),
)
def test_als_fold_in_solves_the_normal_equations(
    seed: int,
    items: int,
    dimension: int,
    weights: list[float],
    options: dict[str, float],
) -> None:
    vectors = items_of(seed, items, dimension)
    rows, strengths = touches_of(seed, items, weights)
    encoder = _core.UserEncoder.als_fold_in(vectors, **options)
    unobserved = options["unobserved_weight"]
    made = encoder.encode(rows, strengths)
    if not (strengths > 0).any():
        assert made is None
        return
    v = vectors.astype(np.float64)
    touched = v[rows]
    w = strengths.astype(np.float64)
    observed = np.count_nonzero(w)
    system = unobserved * v.T @ v + touched.T @ (np.abs(w)[:, None] * touched)
    mass = observed + unobserved * items
    system += options["regularization"] * mass ** options["regularization_exponent"] * np.eye(dimension)
    expected = np.linalg.solve(system, touched.T @ np.maximum(w, 0))
    assert made.dtype == np.float32
    assert made.shape == (dimension,)
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-6 * np.abs(expected).max())


@pytest.mark.parametrize("dimension", [1, 2, 7, 8, 9, 15, 16, 17, 24, 31, 33, 40, 63, 64, 65, 128, 200])
@pytest.mark.parametrize("touched", [1, 3, 16, 17, 50])
def test_the_bits_are_the_same_at_every_level(monkeypatch: pytest.MonkeyPatch, dimension: int, touched: int) -> None:
    vectors = items_of(dimension, 60, dimension)
    rows, weights = touches_of(touched, 60, list(np.linspace(-0.5, 3, touched)))
    made = []
    for level in _core.simd_levels():
        monkeypatch.setenv("RECSTREAM_SIMD_LEVEL", level)
        fold_in = _core.UserEncoder.als_fold_in(
            vectors, unobserved_weight=0.3, regularization=0.02, regularization_exponent=0.5
        )
        pooling = _core.UserEncoder.decayed_pooling(vectors, half_life_events=7.0)
        made.append([encoder.encode(rows, np.abs(weights)).tobytes() for encoder in (fold_in, pooling)])
    assert len(made) == len(_core.simd_levels())
    assert all(bits == made[0] for bits in made)


def test_als_fold_in_of_long_vectors() -> None:
    """As for short ones, and from a catalogue large enough that V'V is made by several threads."""
    vectors = items_of(1, 2000, 300)
    encoder = _core.UserEncoder.als_fold_in(
        vectors, unobserved_weight=0.1, regularization=0.05, regularization_exponent=1.0
    )
    rows, weights = np.arange(40), np.linspace(-1, 5, 40).astype(np.float32)
    v = vectors.astype(np.float64)
    w = weights.astype(np.float64)
    system = 0.1 * v.T @ v + v[:40].T @ (np.abs(w)[:, None] * v[:40]) + 0.05 * (40 + 0.1 * 2000) * np.eye(300)
    expected = np.linalg.solve(system, v[:40].T @ np.maximum(w, 0))
    made = encoder.encode(rows, weights)
    np.testing.assert_allclose(made, expected, rtol=1e-5, atol=1e-7)
    again = _core.UserEncoder.als_fold_in(
        vectors, unobserved_weight=0.1, regularization=0.05, regularization_exponent=1.0
    )
    np.testing.assert_array_equal(again.encode(rows, weights), made)


def test_als_fold_in_tells_when_weights_drown_the_regularization() -> None:
    encoder = _core.UserEncoder.als_fold_in(
        np.ones((1, 4), np.float32), unobserved_weight=0.0, regularization=1e-9, regularization_exponent=0.0
    )
    made = encoder.encode(np.array([0]), np.array([3e38], np.float32))
    assert made is None or np.isfinite(made).all()


@settings(max_examples=150, derandomize=True)
@given(
    seed=st.integers(0, 2**32),
    items=st.integers(1, 60),
    dimension=st.integers(1, 70),
    weights=TOUCHED,
    half_life=st.sampled_from([0.5, 1.0, 7.5, 1000.0]),
)
def test_decayed_pooling_is_the_weighted_mean(
    seed: int, items: int, dimension: int, weights: list[float], half_life: float
) -> None:
    vectors = items_of(seed, items, dimension)
    rows, strengths = touches_of(seed, items, weights)
    made = _core.UserEncoder.decayed_pooling(vectors, half_life_events=half_life).encode(rows, strengths)
    if not strengths.any():
        assert made is None
        return
    age = np.arange(len(rows))[::-1]
    decayed = strengths * 2.0 ** (-age / half_life)
    expected = (decayed[:, None] * vectors[rows]).sum(0) / np.abs(decayed).sum()
    np.testing.assert_allclose(made, expected, rtol=1e-6, atol=1e-6)


def test_decayed_pooling_of_a_history_far_beyond_its_half_life() -> None:
    """The only weight is 100,000 half-lives old: its decay underflows, the mean does not."""
    vectors = items_of(3, 5, 8)
    weights = np.zeros(10_000, np.float32)
    weights[0] = 2
    rows = np.arange(10_000) % 5
    encoder = _core.UserEncoder.decayed_pooling(vectors, half_life_events=0.1)
    np.testing.assert_array_equal(encoder.encode(rows, weights), vectors[0])


def test_constant_is_the_same_for_everybody() -> None:
    encoder = _core.UserEncoder.constant(np.array([1, -2], np.float32))
    none = np.zeros(0, np.int64), np.zeros(0, np.float32)
    np.testing.assert_array_equal(encoder.encode(*none), [1, -2])
    np.testing.assert_array_equal(encoder.encode(np.array([9]), np.array([0], np.float32)), [1, -2])


def test_the_item_vectors_are_kept_alive() -> None:
    vectors = items_of(0, 1000, 64)
    expected = vectors[:1].copy()
    encoder = _core.UserEncoder.decayed_pooling(vectors, half_life_events=1.0)
    del vectors
    gc.collect()
    made = encoder.encode(np.array([0]), np.ones(1, np.float32))
    np.testing.assert_array_equal(made, expected[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"unobserved_weight": -0.1}, "unobserved_weight must be at least 0 and finite, got -0.1"),
        ({"unobserved_weight": np.inf}, "unobserved_weight must be at least 0 and finite"),
        ({"regularization": 0.0}, "regularization must be above 0 and finite, got 0.0"),
        ({"regularization": np.nan}, "regularization must be above 0"),
        ({"regularization_exponent": np.nan}, "regularization_exponent must be a number and finite"),
    ],
)
def test_als_options_out_of_range_are_refused(options: dict[str, float], message: str) -> None:
    defaults = {"unobserved_weight": 1.0, "regularization": 1.0, "regularization_exponent": 1.0}
    with pytest.raises(ValueError, match=message):
        _core.UserEncoder.als_fold_in(items_of(0, 2, 2), **defaults | options)


@pytest.mark.parametrize("half_life", [0.0, -1.0, np.inf, np.nan])
def test_half_lives_out_of_range_are_refused(half_life: float) -> None:
    with pytest.raises(ValueError, match="half_life_events must be above 0 and finite"):
        _core.UserEncoder.decayed_pooling(items_of(0, 2, 2), half_life_events=half_life)


def test_vectors_that_are_not_finite_are_refused() -> None:
    vectors = items_of(0, 5, 2)
    vectors[3, 1] = np.nan
    with pytest.raises(ValueError, match="item_vectors: row 3 is not finite"):
        _core.UserEncoder.decayed_pooling(vectors, half_life_events=1.0)
    with pytest.raises(ValueError, match="item_vectors: row 3 is not finite"):
        _core.UserEncoder.als_fold_in(vectors, unobserved_weight=1.0, regularization=1.0, regularization_exponent=1.0)
    with pytest.raises(ValueError, match="vector: row 0 is not finite"):
        _core.UserEncoder.constant(np.array([np.inf], np.float32))
    with pytest.raises(ValueError, match="vector must have 1 to 2048 dimensions, got 0"):
        _core.UserEncoder.constant(np.zeros(0, np.float32))


@pytest.mark.parametrize(
    ("rows", "weights", "error", "message"),
    [
        ([0, 1], [1.0], ValueError, "one entry for each of the 2 rows, got 1"),
        ([2], [1.0], ValueError, r"rows\[0\] is 2; there are items 0 to 1"),
        ([0, -1], [1.0, 0.0], ValueError, r"rows\[1\] is -1"),
        ([0], [np.nan], ValueError, r"weights\[0\] is not finite"),
    ],
)
def test_touches_that_do_not_fit_are_refused(
    rows: list[int], weights: list[float], error: type[Exception], message: str
) -> None:
    encoder = _core.UserEncoder.decayed_pooling(items_of(0, 2, 2), half_life_events=1.0)
    with pytest.raises(error, match=message):
        encoder.encode(np.array(rows), np.array(weights, np.float32))


def test_arrays_of_another_type_are_refused() -> None:
    encoder = _core.UserEncoder.constant(np.ones(2, np.float32))
    with pytest.raises(TypeError, match="rows must be a C-contiguous array of int64"):
        encoder.encode(np.zeros(1, np.int32), np.zeros(1, np.float32))
    with pytest.raises(TypeError, match="weights must be a C-contiguous array of float32"):
        encoder.encode(np.zeros(1, np.int64), np.zeros(1))
    with pytest.raises(TypeError, match="vector must be"):
        _core.UserEncoder.constant(np.ones(2))
