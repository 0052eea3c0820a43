"""Rank all items for users, and mark where the held-out ones came."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recstream.errors import DataError
from recstream_trainer.evaluation.interactions import Interactions

Scorer = Callable[[NDArray[np.int64]], NDArray[np.float32]]
"""Scores of all N items for a batch of user codes: int64 (B,) to float32 (B, N), more is better."""

_EXCLUDED = np.float32(-np.inf)


@dataclass(frozen=True)
class Rankings:
    """The best items of each judged user.

    Attributes
    ----------
    item_count : int
        Number of items that are ranked.
    users : int64 (M,)
        The judged users: those with at least one target that they had not taken before.
    items : int32 (M, K)
        Best first; -1 where fewer than K items were eligible.
    hits : bool (M, K)
        Which of these are targets.
    target_counts : int64 (M,)
        Targets of each user, at least 1.
    eligible_counts : int64 (M,)
        Items that each user could be given, targets among them.
    auc : float64 (M,)
        Probability that a target scores above another eligible item, ties counting half; NaN without other items.
    """

    item_count: int
    users: NDArray[np.int64]
    items: NDArray[np.int32]
    hits: NDArray[np.bool_]
    target_counts: NDArray[np.int64]
    eligible_counts: NDArray[np.int64]
    auc: NDArray[np.float64]


def rank_items(
    score: Scorer,
    seen: Interactions,
    target: Interactions,
    k: int,
    *,
    users: NDArray[np.int64] | None = None,
    among: NDArray[np.bool_] | None = None,
    batch_size: int = 128,
) -> Rankings:
    """Rank every item that a user has not seen.

    Parameters
    ----------
    score : callable
        Finite scores, or ``-inf`` for items that cannot be recommended.
    seen : Interactions
        What each user has taken before: never ranked. A target among it is left out, as no ranking could hold it.
    target : Interactions
        What each user took afterwards; repeats count once.
    k : int
        Length of the lists.
    users : int64 (n,), optional
        Judge these only; by default everybody with a target.
    among : bool (N,), optional
        Rank these items only.
    batch_size : int
        Users scored at a time; each takes about 40 bytes an item of memory.

    Raises
    ------
    DataError
        Nobody has a target.
    """
    candidates = np.flatnonzero(target.counts) if users is None else np.asarray(users, dtype=np.int64)
    batches = [candidates[start : start + batch_size] for start in range(0, len(candidates), batch_size)]
    parts = [part for batch in batches if len((part := _rank_batch(score, seen, target, k, batch, among=among)).users)]
    if not parts:
        raise DataError("nobody has a held-out item that they had not taken before; use more data or another hold-out")
    return Rankings(
        item_count=parts[0].item_count,
        users=np.concatenate([part.users for part in parts]),
        items=np.concatenate([part.items for part in parts]),
        hits=np.concatenate([part.hits for part in parts]),
        target_counts=np.concatenate([part.target_counts for part in parts]),
        eligible_counts=np.concatenate([part.eligible_counts for part in parts]),
        auc=np.concatenate([part.auc for part in parts]),
    )


def _rank_batch(
    score: Scorer,
    seen: Interactions,
    target: Interactions,
    k: int,
    users: NDArray[np.int64],
    *,
    among: NDArray[np.bool_] | None,
) -> Rankings:
    scores = np.array(score(users), dtype=np.float32)
    if np.isnan(scores).any():
        raise DataError(f"the model scored {int(np.isnan(scores).sum())} items with NaN; its training diverged")
    relevant = np.zeros(scores.shape, dtype=np.bool_)
    relevant[target.cells(users)] = True
    seen_cells = seen.cells(users)
    relevant[seen_cells] = False
    scores[seen_cells] = _EXCLUDED
    if among is not None:
        relevant[:, ~among] = False
        scores[:, ~among] = _EXCLUDED
    target_counts = relevant.sum(axis=1)
    judged = np.flatnonzero(target_counts)
    scores, relevant = scores[judged], relevant[judged]
    items = top_items(scores, k)
    hits = np.take_along_axis(relevant, np.maximum(items, 0), axis=1) & (items >= 0)
    return Rankings(
        scores.shape[1] if among is None else int(among.sum()),
        users[judged],
        items,
        hits,
        target_counts[judged],
        (scores > _EXCLUDED).sum(axis=1),
        _auc(scores, relevant),
    )


def top_items(scores: NDArray[np.float32], k: int) -> NDArray[np.int32]:
    """The k best columns of each row, best first, ties by lower column; -1 where fewer than k are above ``-inf``.

    Parameters
    ----------
    scores : float32 (B, N), C-contiguous
        Without NaN.

    Returns
    -------
    int32 (B, k)
    """
    count = scores.shape[1]
    # Score and column make one integer key: no two are equal, so the partition cannot cut through a tie at random.
    # An IEEE float orders like its bits, but negative ones downwards; adding 0 makes -0 equal to 0.
    bits = (scores + np.float32(0)).view(np.int32)
    ordered = np.where(bits < 0, bits ^ np.int32(0x7FFFFFFF), bits).astype(np.int64)
    keys = (ordered << 32) | (count - 1 - np.arange(count, dtype=np.int64))
    taken = min(k, count)
    best = np.sort(np.partition(keys, count - taken, axis=1)[:, count - taken :], axis=1)[:, ::-1]
    items = (count - 1 - (best & 0xFFFFFFFF)).astype(np.int32)
    items[np.take_along_axis(scores, items, axis=1) == _EXCLUDED] = -1
    return np.pad(items, ((0, 0), (0, k - taken)), constant_values=-1)


def _auc(scores: NDArray[np.float32], relevant: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mann-Whitney AUC of each row; excluded items (``-inf``) do not take part."""
    return np.array([_auc_of_user(row, row[mask]) for row, mask in zip(scores, relevant, strict=True)])


def _auc_of_user(scores: NDArray[np.float32], positives: NDArray[np.float32]) -> float:
    ascending = np.sort(scores[scores > _EXCLUDED])
    ranked = np.sort(positives[positives > _EXCLUDED])
    others = len(ascending) - len(ranked)
    if others == 0:
        return float("nan")
    # Twice the number of other items below each positive: ties are in one side's count only, so they count once.
    doubled = _below_or_equal(ascending, ranked) - _below_or_equal(ranked, ranked)
    return float(doubled.sum()) / (2 * others * len(positives))


def _below_or_equal(ascending: NDArray[np.float32], values: NDArray[np.float32]) -> NDArray[np.int64]:
    return np.searchsorted(ascending, values, "left") + np.searchsorted(ascending, values, "right")
