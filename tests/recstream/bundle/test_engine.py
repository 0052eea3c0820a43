"""A bundle becomes an engine that answers from its arrays."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recstream.bundle import AlsFoldIn, BundleContent, Constant, DecayedPooling, Encoder, load_bundle, write_bundle
from recstream.bundle.engine import build_encoder, build_engine

MakeContent = Callable[..., BundleContent]


def test_a_known_user_gets_the_order_of_the_inner_products(pristine: Path) -> None:
    bundle = load_bundle(pristine)
    engine = build_engine(bundle, max_history=10, max_sessions=10, threads=1)
    answer = engine.recommend(user_id="user-3", k=20, exclude_seen=False)
    scores = bundle.item_vectors.astype(np.float64) @ bundle.user_vectors[3].astype(np.float64)
    assert answer.rows == np.argsort(-scores, kind="stable").tolist()
    assert answer.item_ids == [bundle.item_ids[row] for row in answer.rows]


def test_history_counts_as_seen(pristine: Path) -> None:
    bundle = load_bundle(pristine)
    seen = set(bundle.history_rows[bundle.history_indptr[2] : bundle.history_indptr[3]].tolist())
    answer = build_engine(bundle).recommend(user_id="user-2", k=20)
    assert set(answer.rows) == set(range(20)) - seen


def fold_in(vectors: np.ndarray, rows: list[int], weights: list[float]) -> np.ndarray:
    v, w = vectors.astype(np.float64), np.array(weights)
    n, regularization = len(rows), 0.01 * (len(rows) + 0.1 * len(v)) ** 1.0
    left = 0.1 * v.T @ v + (v[rows] * w[:, None]).T @ v[rows] + regularization * np.eye(v.shape[1])
    assert n
    return np.linalg.solve(left, (w[:, None] * v[rows]).sum(0))


def pooling(vectors: np.ndarray, rows: list[int], weights: list[float]) -> np.ndarray:
    decayed = np.array(weights) * 2.0 ** (-np.arange(len(rows))[::-1] / 2.0)
    return (decayed[:, None] * vectors[rows].astype(np.float64)).sum(0) / decayed.sum()


@pytest.mark.parametrize(
    ("encoder", "oracle"),
    [
        (AlsFoldIn(unobserved_weight=0.1, regularization=0.01, regularization_exponent=1.0), fold_in),
        (DecayedPooling(half_life_events=2.0), pooling),
        (Constant((1.0, 2.0, 3.0, 4.0)), lambda *_: np.array([1, 2, 3, 4])),
    ],
    ids=["als_fold_in", "decayed_pooling", "constant"],
)
def test_encoders_reach_the_core(
    tmp_path: Path, make_content: MakeContent, encoder: Encoder, oracle: Callable[..., np.ndarray]
) -> None:
    write_bundle(tmp_path / "b", make_content(encoder=encoder))
    bundle = load_bundle(tmp_path / "b")
    rows, weights = [3, 11, 5], [1.0, 0.5, 2.0]
    vector = build_encoder(bundle).encode(np.array(rows), np.array(weights, dtype=np.float32))
    np.testing.assert_allclose(vector, oracle(bundle.item_vectors, rows, weights), rtol=1e-5)
