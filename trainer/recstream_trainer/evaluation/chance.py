"""What a random order of the items comes to, exactly."""

import numpy as np

from recstream_trainer.evaluation.ranking import Rankings


def chance_metrics(rankings: Rankings, k: int) -> dict[str, float]:
    """Expected means over the judged users of the first k items, if every order of the eligible ones were as likely.

    Returns
    -------
    dict
        ``hr``, ``recall``, ``precision`` and ``ndcg``, as `per_user_metrics` defines them.
    """
    targets, eligible = rankings.target_counts, rankings.eligible_counts
    share = targets / eligible
    taken = np.minimum(k, eligible)
    # No target among the places: each in turn goes to another item.
    places = np.arange(k)
    others = np.maximum(eligible - targets, 0)[:, None] - places
    left = np.maximum(eligible[:, None] - places, 1)
    missed = np.where(places < taken[:, None], np.maximum(others, 0) / left, 1).prod(axis=1)
    gains = np.cumsum(1 / np.log2(places + 2))
    return {
        "hr": float((1 - missed).mean()),
        "recall": float((taken / eligible).mean()),
        "precision": float((share * taken / k).mean()),
        "ndcg": float((share * gains[taken - 1] / gains[np.minimum(targets, k) - 1]).mean()),
    }
