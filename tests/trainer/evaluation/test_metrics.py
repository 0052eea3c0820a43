"""The metrics against hand-made cases, plain loops and scikit-learn."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from recstream_trainer.evaluation import Interactions, evaluate_ranking
from recstream_trainer.evaluation.metrics import coverage, diversity, item_user_counts, novelty, per_user_metrics
from recstream_trainer.evaluation.ranking import rank_items
from sklearn.metrics import ndcg_score


def interactions(*items: list[int]) -> Interactions:
    users = np.repeat(np.arange(len(items)), [len(mine) for mine in items])
    return Interactions.from_rows(
        users, np.array([item for mine in items for item in mine], dtype=np.int64), None, len(items)
    )


def test_one_user_by_hand() -> None:
    """The list is 4, 3, 2, 1, 0 less the seen 3; targets 2 and 0 come second and fourth."""
    scores = np.array([[0, 1, 2, 3, 4]], dtype=np.float32)
    metrics = evaluate_ranking(lambda _: scores, interactions([3]), interactions([2, 0]), (2, 4))
    gain_2, gain_4 = 1 / math.log2(3), 1 / math.log2(5)
    ideal = 1 + 1 / math.log2(3)
    expected = {
        "hr@2": 1.0,
        "recall@2": 0.5,
        "precision@2": 0.5,
        "ndcg@2": gain_2 / ideal,
        "mrr@2": 0.5,
        "map@2": (1 / 2) / 2,
        "coverage@2": 2 / 5,
        "hr@4": 1.0,
        "recall@4": 1.0,
        "precision@4": 0.5,
        "ndcg@4": (gain_2 + gain_4) / ideal,
        "mrr@4": 0.5,
        "map@4": (1 / 2 + 2 / 4) / 2,
        "coverage@4": 4 / 5,
        "auc": 1 / 4,
        "users": 1,
    }
    assert metrics == pytest.approx(metrics | expected)
    assert set(metrics) == set(expected) | {"novelty@2", "novelty@4"}


def test_metrics_are_means_over_judged_users() -> None:
    scores = np.array([[3, 2, 1], [3, 2, 1], [3, 2, 1]], dtype=np.float32)
    metrics = evaluate_ranking(lambda users: scores[users], interactions([], [], []), interactions([0], [], [2]), (1,))
    assert metrics["users"] == 2
    assert metrics["hr@1"] == metrics["ndcg@1"] == metrics["map@1"] == 0.5


def loops(ranked: list[int], targets: set[int], k: int) -> dict[str, float]:
    """The definitions, as one would write them for one user."""
    hits = [item in targets for item in ranked[:k]]
    dcg = sum(1 / math.log2(place + 1) for place, hit in enumerate(hits, start=1) if hit)
    best = sum(1 / math.log2(place + 1) for place in range(1, min(len(targets), k) + 1))
    precisions = [sum(hits[:place]) / place for place, hit in enumerate(hits, start=1) if hit]
    first = next((place for place, hit in enumerate(hits, start=1) if hit), None)
    return {
        "hr": float(any(hits)),
        "recall": sum(hits) / len(targets),
        "precision": sum(hits) / k,
        "ndcg": dcg / best,
        "mrr": 1 / first if first else 0.0,
        "map": sum(precisions) / min(len(targets), k),
    }


@pytest.fixture(scope="module")
def case() -> tuple[NDArray[np.float32], list[list[int]], list[list[int]]]:
    """Scores without ties, seen items and targets of 40 users and 60 items."""
    random = np.random.default_rng(5)
    scores = random.permutation(40 * 60).reshape(40, 60).astype(np.float32)
    order = [random.permutation(60).tolist() for _ in range(40)]
    seen = [mine[: random.integers(0, 30)] for mine in order]
    target = [mine[40 : 40 + random.integers(1, 20)] for mine in order]
    return scores, seen, target


@pytest.mark.parametrize("k", [1, 3, 10, 25, 80])
def test_agrees_with_loops(case: tuple[NDArray[np.float32], list[list[int]], list[list[int]]], k: int) -> None:
    scores, seen, target = case
    rankings = rank_items(lambda users: scores[users], interactions(*seen), interactions(*target), k, batch_size=7)
    found = per_user_metrics(rankings, k)
    for user in range(40):
        ranked = sorted(set(range(60)) - set(seen[user]), key=lambda item: -scores[user, item])
        expected = loops(ranked, set(target[user]), k)
        assert {name: values[user] for name, values in found.items()} == pytest.approx(expected)


def test_ndcg_is_that_of_scikit_learn(case: tuple[NDArray[np.float32], list[list[int]], list[list[int]]]) -> None:
    scores, seen, target = case
    rankings = rank_items(lambda users: scores[users], interactions(*seen), interactions(*target), 10)
    found = per_user_metrics(rankings, 10)["ndcg"]
    for user in range(40):
        ranked = [item for item in range(60) if item not in seen[user]]
        relevance = [[item in target[user] for item in ranked]]
        assert found[user] == pytest.approx(ndcg_score(relevance, scores[[user]][:, ranked], k=10))


def test_popularity_counts_users_not_rows() -> None:
    assert item_user_counts(interactions([0, 0, 1], [1], []), 3).tolist() == [1, 2, 0]


def test_coverage_is_the_share_of_items_shown() -> None:
    assert coverage(np.array([[0, 1], [1, -1]], dtype=np.int32), 8) == 2 / 8


def test_novelty_is_the_mean_of_bits() -> None:
    popularity = np.array([8, 2, 0])
    assert novelty(np.array([[0, 1]], dtype=np.int32), popularity, 8) == pytest.approx((0 + 2) / 2)
    assert novelty(np.array([[2, -1]], dtype=np.int32), popularity, 8) == pytest.approx(3)


def test_diversity_is_the_mean_over_pairs() -> None:
    features = np.array([[1, 0], [2, 0], [0, 1], [1, 1], [0, 0]], dtype=np.float32)
    assert diversity(np.array([[0, 1]], dtype=np.int32), features) == pytest.approx(0)
    assert diversity(np.array([[0, 2]], dtype=np.int32), features) == pytest.approx(1)
    assert diversity(np.array([[0, 4]], dtype=np.int32), features) == pytest.approx(1)
    assert diversity(np.array([[0, 3, -1]], dtype=np.int32), features) == pytest.approx(1 - math.sqrt(0.5))
    assert diversity(np.array([[0, 1], [3, -1]], dtype=np.int32), features) == pytest.approx(0)
    assert diversity(np.array([[0, -1]], dtype=np.int32), features) == 0


def test_diversity_agrees_with_pairs() -> None:
    random = np.random.default_rng(2)
    features = random.normal(size=(30, 5)).astype(np.float32)
    lists = np.array([random.permutation(30)[:6] for _ in range(9)], dtype=np.int32)
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    expected = np.mean(
        [np.mean([1 - unit[a] @ unit[b] for a in mine for b in mine if a != b]) for mine in lists.tolist()]
    )
    assert diversity(lists, features) == pytest.approx(expected, abs=1e-6)
