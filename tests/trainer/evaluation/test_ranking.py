"""Ranking against a plain sort, and AUC against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from recstream_trainer.evaluation import Interactions
from recstream_trainer.evaluation.ranking import rank_items, top_items
from sklearn.metrics import roc_auc_score

from recstream.errors import DataError


def interactions(*items: list[int]) -> Interactions:
    users = np.repeat(np.arange(len(items)), [len(mine) for mine in items])
    return Interactions.from_rows(
        users, np.array([item for mine in items for item in mine], dtype=np.int64), None, len(items)
    )


few_scores = st.sampled_from([-np.inf, -2.5, -1.0, -0.0, 0.0, 1e-30, 1.0, 3.0e38])


@given(st.lists(few_scores, min_size=1, max_size=12), st.integers(1, 15))
def test_the_best_come_first_and_ties_by_lower_item(scores: list[float], k: int) -> None:
    row = np.array([scores], dtype=np.float32)
    order = sorted(range(len(scores)), key=lambda item: (-row[0, item], item))
    expected = [item for item in order if row[0, item] > -np.inf][:k]
    assert top_items(row, k)[0].tolist() == expected + [-1] * (k - len(expected))


@given(st.data())
def test_seen_items_are_never_ranked(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 9))
    scores = np.array([data.draw(st.lists(few_scores, min_size=count, max_size=count)) for _ in range(3)], np.float32)
    some = st.lists(st.integers(0, count - 1), max_size=count, unique=True)
    seen, target = ([data.draw(some) for _ in range(3)] for _ in range(2))
    eligible = [set(target[user]) - set(seen[user]) for user in range(3)]
    judged = [user for user in range(3) if eligible[user]]
    if not judged:
        with pytest.raises(DataError, match="nobody has a held-out item"):
            rank_items(lambda users: scores[users], interactions(*seen), interactions(*target), 4)
        return
    rankings = rank_items(lambda users: scores[users], interactions(*seen), interactions(*target), 4, batch_size=2)
    assert rankings.users.tolist() == judged
    for place, user in enumerate(judged):
        order = sorted(range(count), key=lambda item: (-scores[user, item], item))
        best = [item for item in order if item not in seen[user] and scores[user, item] > -np.inf][:4]
        best += [-1] * (4 - len(best))
        assert rankings.items[place].tolist() == best
        assert rankings.hits[place].tolist() == [item in eligible[user] for item in best]
        assert rankings.target_counts[place] == len(eligible[user])


@given(st.data())
def test_auc_is_that_of_scikit_learn(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 30))
    scores = np.array(data.draw(st.lists(st.integers(-3, 3), min_size=count, max_size=count)), dtype=np.float32)
    target = data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=count - 1, unique=True))
    left = sorted(set(range(count)) - set(target))
    seen = data.draw(st.lists(st.sampled_from(left), max_size=len(left) - 1, unique=True))
    rankings = rank_items(lambda users: np.tile(scores, (len(users), 1)), interactions(seen), interactions(target), 1)
    ranked = [item for item in range(count) if item not in seen]
    expected = roc_auc_score([item in target for item in ranked], scores[ranked])
    assert rankings.auc[0] == pytest.approx(expected, abs=1e-12)


def test_auc_counts_what_cannot_be_recommended_as_last() -> None:
    scores = np.array([[1.0, -np.inf, 0.0]], dtype=np.float32)
    rankings = rank_items(lambda _: scores, interactions([]), interactions([0, 1]), 2)
    assert rankings.auc.tolist() == [0.5]


def test_auc_is_undefined_without_other_items() -> None:
    scores = np.zeros((1, 2), dtype=np.float32)
    rankings = rank_items(lambda _: scores, interactions([]), interactions([0, 1]), 2)
    assert np.isnan(rankings.auc).all()


def test_only_the_users_asked_for_are_judged() -> None:
    asked: list[NDArray[np.int64]] = []

    def score(users: NDArray[np.int64]) -> NDArray[np.float32]:
        asked.append(users)
        return np.zeros((len(users), 3), dtype=np.float32)

    target = interactions([0], [1], [2], [])
    rankings = rank_items(score, interactions([], [], [], []), target, 1, users=np.array([2, 0, 3]))
    assert rankings.users.tolist() == [2, 0]
    assert np.concatenate(asked).tolist() == [2, 0, 3]


def test_scores_are_not_changed() -> None:
    scores = np.ones((1, 3), dtype=np.float32)
    rank_items(lambda _: scores, interactions([0]), interactions([1]), 1)
    assert scores.tolist() == [[1.0, 1.0, 1.0]]


def test_a_diverged_model_is_told() -> None:
    scores = np.array([[np.nan, 1.0]], dtype=np.float32)
    with pytest.raises(DataError, match="scored 1 items with NaN; its training diverged"):
        rank_items(lambda _: scores, interactions([]), interactions([1]), 1)
