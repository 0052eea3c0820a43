"""kNN predictions against the definition, in plain Python."""

import numpy as np
import pytest
from recstream_trainer.evaluation.rating_accuracy import Ratings
from recstream_trainer.models.rating_knn import KnnRatings, RatingKnnSettings, baselines
from scipy.sparse import csr_array

USERS, ITEMS, K = 14, 11, 3


@pytest.fixture
def dense() -> np.ndarray:
    rng = np.random.default_rng(6)
    matrix = rng.integers(1, 6, (USERS, ITEMS)) * (rng.random((USERS, ITEMS)) < 0.5)
    matrix[-1], matrix[:, -1] = 0, 0
    return matrix.astype(float)


def similarity(a: np.ndarray, b: np.ndarray, kind: str) -> float:
    both = (a > 0) & (b > 0)
    if not both.any():
        return 0.0
    a, b = a[both], b[both]
    if kind == "msd":
        return float(1 / (((a - b) ** 2).mean() + 1))
    if kind == "pearson":
        a, b = a - a.mean(), b - b.mean()
    lengths = np.linalg.norm(a) * np.linalg.norm(b)
    return float(a @ b / lengths) if lengths > 1e-9 else 0.0


def expected(dense: np.ndarray, anchor: int, target: int, kind: str, centre: np.ndarray) -> float:
    raters = [b for b in range(len(dense)) if dense[b, target]]
    near = sorted(((similarity(dense[anchor], dense[b], kind), b) for b in raters), key=lambda one: -one[0])[:K]
    near = [(s, b) for s, b in near if s > 0]
    weight = sum(s for s, _ in near)
    drift = sum(s * (dense[b, target] - centre[b, target]) for s, b in near)
    return float(centre[anchor, target] + (drift / weight if weight else 0))


@pytest.mark.parametrize("by", ["users", "items"])
@pytest.mark.parametrize("kind", ["msd", "cosine", "pearson"])
@pytest.mark.parametrize("centring", ["means", "baselines"])
def test_the_definition(dense: np.ndarray, by: str, kind: str, centring: str) -> None:
    users, items = np.nonzero(dense)
    ratings = Ratings(users, items, dense[users, items].astype(np.float32), USERS, ITEMS)
    settings = RatingKnnSettings(rating_similarity=kind, rating_centre=centring, rating_neighbours=K)
    every = np.array([(u, i) for u in range(USERS) for i in range(ITEMS)])
    found = KnnRatings(settings, ratings, by).predict(every[:, 0], every[:, 1]).reshape(USERS, ITEMS)
    mean = dense[dense > 0].mean()
    np.testing.assert_allclose(found[-1], mean)
    np.testing.assert_allclose(found[:, -1], mean)
    table, found = (dense, found) if by == "users" else (dense.T, found.T)
    if centring == "means":
        sums, counts = table.sum(axis=1), np.maximum((table > 0).sum(axis=1), 1)
        centre = np.tile((sums / counts)[:, None], table.shape[1])
    else:
        user_biases, item_biases = baselines(csr_array(dense), float(mean))
        centre = mean + user_biases[:, None] + item_biases
        centre = centre if by == "users" else centre.T
    for a in range(len(table) - 1):
        for t in range(table.shape[1] - 1):
            similarities = [similarity(table[a], table[b], kind) for b in range(len(table)) if table[b, t]]
            if len(set(np.round(similarities, 9))) == len(similarities):  # a tie may be cut either way
                assert found[a, t] == pytest.approx(expected(table, a, t, kind, centre), abs=1e-9), (a, t)


def test_baselines_solve_their_equations(dense: np.ndarray) -> None:
    mean = float(dense[dense > 0].mean())
    users, items = baselines(csr_array(dense), mean)
    rated = dense > 0
    left = ((dense - mean - items) * rated).sum(axis=1)
    np.testing.assert_allclose(users, left / (15 + rated.sum(axis=1)), atol=1e-9)
    left = ((dense - mean - users[:, None]) * rated).sum(axis=0)
    np.testing.assert_allclose(items, left / (10 + rated.sum(axis=0)), atol=1e-3)
