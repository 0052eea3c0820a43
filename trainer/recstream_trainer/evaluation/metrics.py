"""Ranking metrics; for all of them more is better."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recstream_trainer.evaluation.interactions import Interactions
from recstream_trainer.evaluation.ranking import Rankings, Scorer, rank_items


def evaluate_ranking(
    score: Scorer,
    train_seen: Interactions,
    target: Interactions,
    ks: Sequence[int] = (10, 20),
    *,
    item_features: NDArray[np.float32] | None = None,
    users: NDArray[np.int64] | None = None,
    batch_size: int = 128,
) -> dict[str, float]:
    """Rank every item that a user has not seen, and judge the lists by what the user took afterwards.

    Parameters
    ----------
    score : callable
        int64 (B,) user codes to float32 (B, N) scores of all items; ties go to the lower item.
    train_seen : Interactions
        What each user had before: left out of the ranking. Its popularities are those of novelty.
    target : Interactions
        The held-out items; users without one are not judged.
    ks : sequence of int
        Lengths of the lists.
    item_features : float32 (N, m), optional
        What makes two items alike, for the diversity of lists; see `metrics_of`.
    users : int64 (n,), optional
        Judge these users only.

    Returns
    -------
    dict
        For each k, means over the judged users (``hr@k``, ``recall@k``, ``precision@k``, ``ndcg@k``, ``mrr@k``,
        ``map@k``) and figures of all lists (``coverage@k``, ``novelty@k`` and, with features, ``diversity@k``), and
        ``auc`` and ``users``, the number of judged users.

    Raises
    ------
    DataError
        Nobody has a target, or scores are NaN.
    """
    rankings = rank_items(score, train_seen, target, max(ks), users=users, batch_size=batch_size)
    popularity = item_user_counts(train_seen, rankings.item_count)
    return metrics_of(rankings, ks, popularity, train_seen.active_users, item_features)


def metrics_of(
    rankings: Rankings,
    ks: Sequence[int],
    popularity: NDArray[np.int64],
    user_count: int,
    item_features: NDArray[np.float32] | None = None,
) -> dict[str, float]:
    """The figures of `evaluate_ranking` for lists at hand.

    Parameters
    ----------
    popularity : int64 (N,)
        How many users had each item before.
    user_count : int
        How many users had any item before.
    item_features : float32 (N, m), optional
        Two items are as alike as the cosine of their rows; an item with a row of zeros is like no other.
    """
    metrics: dict[str, float] = {}
    for k in sorted(ks):
        metrics |= {f"{name}@{k}": float(values.mean()) for name, values in per_user_metrics(rankings, k).items()}
        lists = rankings.items[:, :k]
        metrics[f"coverage@{k}"] = coverage(lists, rankings.item_count)
        metrics[f"novelty@{k}"] = novelty(lists, popularity, user_count)
        if item_features is not None:
            metrics[f"diversity@{k}"] = diversity(lists, item_features)
    defined = rankings.auc[~np.isnan(rankings.auc)]
    if len(defined):
        metrics["auc"] = float(defined.mean())
    metrics["users"] = len(rankings.users)
    return metrics


def per_user_metrics(rankings: Rankings, k: int) -> dict[str, NDArray[np.float64]]:
    """Metrics of each judged user's first k items, float64 (M,) each.

    ``hr`` is whether any target is among them, ``recall`` the share of the targets that is, ``precision`` the share of
    the k places that hold one, ``ndcg`` the discounted gain (gains of 0 and 1) against that of the best possible list,
    ``mrr`` one over the place of the first target, ``map`` the sum of the precisions at the places of targets over the
    number of targets that k places can hold.
    """
    hits = rankings.hits[:, :k].astype(np.float64)
    places = np.arange(1, k + 1)
    found = hits.sum(axis=1)
    reachable = np.minimum(rankings.target_counts, k)
    discounts = 1 / np.log2(places + 1)
    ideal = np.cumsum(discounts)[reachable - 1]
    precisions = np.cumsum(hits, axis=1) / places
    return {
        "hr": (found > 0).astype(np.float64),
        "recall": found / rankings.target_counts,
        "precision": found / k,
        "ndcg": hits @ discounts / ideal,
        "mrr": (hits / places).max(axis=1),
        "map": (precisions * hits).sum(axis=1) / reachable,
    }


def item_user_counts(interactions: Interactions, item_count: int) -> NDArray[np.int64]:
    """How many different users have each item, int64 (N,)."""
    cells = np.unique(interactions.users * item_count + interactions.items)
    return np.bincount(cells % item_count, minlength=item_count)


def coverage(lists: NDArray[np.int32], item_count: int) -> float:
    """Share of all items that is in at least one list."""
    return len(np.unique(lists[lists >= 0])) / item_count


def novelty(lists: NDArray[np.int32], popularity: NDArray[np.int64], user_count: int) -> float:
    """Mean over the recommended places of ``-log2`` of the share of users who had the item, in bits.

    An item that nobody had counts as if one user had.
    """
    bits = -np.log2(np.maximum(popularity, 1) / max(user_count, 1))
    return float(bits[lists[lists >= 0]].mean())


def diversity(lists: NDArray[np.int32], item_features: NDArray[np.float32]) -> float:
    """Mean over the lists of the mean of ``1 - cosine`` over all pairs in a list; lists of fewer than two do not count.

    With unit rows, the cosines of all ordered pairs sum to ``|sum of rows|^2 - sum of |row|^2``: no pair is visited.
    """
    lengths = np.linalg.norm(item_features, axis=1, keepdims=True)
    unit = np.divide(item_features, lengths, out=np.zeros_like(item_features), where=lengths > 0).astype(np.float64)
    unit = np.vstack([unit, np.zeros((1, unit.shape[1]))])  # the row of -1, an empty place
    totals = np.zeros((len(lists), unit.shape[1]))
    squares = np.zeros(len(lists))
    for place in lists.T:
        totals += unit[place]
        squares += (unit[place] ** 2).sum(axis=1)
    sizes = (lists >= 0).sum(axis=1)
    paired = sizes >= 2
    pairs = sizes[paired] * (sizes[paired] - 1)
    alike = ((totals[paired] ** 2).sum(axis=1) - squares[paired]) / pairs
    return float((1 - alike).mean()) if paired.any() else 0.0
