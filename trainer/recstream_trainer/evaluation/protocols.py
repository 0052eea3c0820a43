"""Hold-outs: which interactions a model learns from, is tuned on and is judged by."""

from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recstream.errors import DataError
from recstream_trainer.datasets import Dataset
from recstream_trainer.datasets.cleaning import k_core
from recstream_trainer.datasets.values import unix_seconds
from recstream_trainer.evaluation.interactions import Interactions

__all__ = ["PROTOCOLS", "Interactions", "Protocol", "Split", "holdout_by_time", "require_protocol", "split"]

Protocol = Literal["A", "C", "E", "F"]
PROTOCOLS: Final[tuple[Protocol, ...]] = get_args(Protocol)

_CORE = 5
_POSITIVE_FROM = 3.0
_TRAIN, _VALIDATION, _TEST, _LEFT_OUT = 0, 1, 2, 3

LARGEST_SHARE: Final = 0.2
"""Of the positives may be learned from under protocol F; the others are its test."""


@dataclass(frozen=True)
class Split:
    """Three disjoint parts of a data set, over codes of their own.

    Attributes
    ----------
    protocol : str or None
        One of `PROTOCOLS`, see docs/quality.md; None for plain training.
    seed : int
        Of the random choices; protocol A makes none.
    train, validation, test : Interactions
        All three over the same U user and N item codes. Without a protocol ``test`` is empty.
    user_ids, item_ids : list of str
        The ids of the split's codes; users and items that the protocol leaves out have none.
    user_codes : int64 (U,)
        Code in the data set of each user of the split.
    item_codes : int64 (N,)
        Code in the data set of each item of the split: ``dataset.items[split.item_codes]`` are the attribute rows.
    final_fit : str
        What the model that is judged or exported has seen: ``"train"``, or ``"train+validation"`` if the trainer fits
        it again after tuning and says so with `dataclasses.replace`.
    validation_items, test_items : bool (N,) or None
        Only these are ranked when that part is judged; None: all.
    """

    protocol: str | None
    seed: int
    train: Interactions
    validation: Interactions
    test: Interactions
    user_ids: list[str]
    item_ids: list[str]
    user_codes: NDArray[np.int64]
    item_codes: NDArray[np.int64]
    final_fit: str
    validation_items: NDArray[np.bool_] | None = None
    test_items: NDArray[np.bool_] | None = None

    @property
    def before_test(self) -> Interactions:
        """What each user had before the test part: not ranked when the test part is judged."""
        return self.train.followed_by(self.validation)


def split(dataset: Dataset, protocol: Protocol, seed: int, *, share: float = LARGEST_SHARE) -> Split:
    """Split a data set by a protocol of docs/quality.md.

    Parameters
    ----------
    seed : int
        Of the random choices of protocols C, E and F; A makes none.
    share : float
        Of the positives is learned from under F, above 0 and at most `LARGEST_SHARE`; no other protocol looks at it.

    Raises
    ------
    DataError
        The data set has no timestamps, which A needs, or too few interactions.
    """
    if protocol == "F":
        return _few(dataset, seed, share)
    hold_out = {"A": _next_item, "C": _random_by_user, "E": _cold_items}[protocol]
    return hold_out(dataset, seed)


def require_protocol(text: str) -> Protocol:
    """A protocol by its letter, in either case.

    Raises
    ------
    DataError
        There is no such protocol.
    """
    known: dict[str, Protocol] = {protocol: protocol for protocol in PROTOCOLS}
    if text.upper() not in known:
        raise DataError(f"protocol {text!r} is not one of {', '.join(PROTOCOLS)}; docs/quality.md tells what they are")
    return known[text.upper()]


def holdout_by_time(dataset: Dataset, seed: int, *, max_users: int = 2000) -> Split:
    """Hold out the newest item of some users, to tell when to stop training; there is no test part.

    Parameters
    ----------
    seed : int
        Draws the users.
    max_users : int
        At most this many users give an item, out of those with three or more; if there are none, nothing is held out.
    """
    rows = _oldest_first(dataset)
    users = rows["user"].to_numpy()
    place, count = _places(users)
    willing = np.unique(users[count >= 3])
    drawn = np.random.default_rng(seed).choice(willing, min(max_users, len(willing)), replace=False)
    newest = (place == count - 1) & np.isin(users, drawn)
    return _split(dataset, None, seed, rows, np.where(newest, _VALIDATION, _TRAIN))


def everything(dataset: Dataset, seed: int) -> Split:
    """All interactions for training, oldest first, and nothing held out."""
    rows = _oldest_first(dataset)
    return _split(dataset, None, seed, rows, np.full(rows.height, _TRAIN))


def _next_item(dataset: Dataset, seed: int) -> Split:
    """Protocol A: of each user the last item is for the test, and the one before it for validation."""
    if "timestamp" not in dataset.interactions.columns:
        raise DataError(f"{dataset.name}: protocol A needs timestamps; name their column, or use protocol C")
    rows = _oldest_first(dataset)
    rows = rows.filter(k_core(rows["user"].to_numpy(), rows["item"].to_numpy(), _CORE, _CORE))
    if rows.is_empty():
        raise DataError(
            f"{dataset.name}: protocol A keeps users and items with {_CORE} interactions, and there are none"
        )
    place, count = _places(rows["user"].to_numpy())
    from_end = count - 1 - place
    return _split(dataset, "A", seed, rows, np.select([from_end == 0, from_end == 1], [_TEST, _VALIDATION], _TRAIN))


def _random_by_user(dataset: Dataset, seed: int) -> Split:
    """Protocol C: of each user's positives, a random tenth is for validation and another for the test.

    Rounded down, but at least one of two positives is for the test, and of three one for validation, as in RecBole.
    """
    rows = _positives(dataset, "C")
    users = rows["user"].to_numpy()
    shuffled = np.random.default_rng(seed).permutation(len(users))
    place = np.empty(len(users), dtype=np.int64)
    place[shuffled], _ = _places(users[shuffled])
    count = np.bincount(users)[users]
    test = np.where(count < 10, count >= 2, count // 10)
    validation = np.where(count < 10, count >= 3, count // 10)
    from_end = count - 1 - place
    parts = np.select([from_end < test, from_end < test + validation], [_TEST, _VALIDATION], _TRAIN)
    return _split(dataset, "C", seed, rows, parts)


def _cold_items(dataset: Dataset, seed: int) -> Split:
    """Protocol E: a random fifth of the items is for the test, and a tenth for validation; nobody had them before."""
    rows = _positives(dataset, "E")
    items = _shuffled_items(rows, seed)
    tenth = max(1, len(items) // 10)
    if len(items) <= 3 * tenth:
        raise DataError(f"{dataset.name}: protocol E holds out items, and there are only {len(items)}")
    part_of = np.full(dataset.item_count, _TRAIN)
    part_of[items[: 2 * tenth]], part_of[items[2 * tenth : 3 * tenth]] = _TEST, _VALIDATION
    parts = part_of[rows["item"].to_numpy()]
    known = np.isin(rows["user"].to_numpy(), rows["user"].to_numpy()[parts == _TRAIN])
    order = np.random.default_rng([seed, 1]).permutation(items)
    made = _split(dataset, "E", seed, rows.filter(known), parts[known], item_codes=order)
    return replace(made, validation_items=part_of[order] == _VALIDATION, test_items=part_of[order] == _TEST)


def _few(dataset: Dataset, seed: int, share: float) -> Split:
    """Protocol F: a random share of all positives is learned from; what no share comes to is the test.

    A smaller share is a part of a larger one. Who has three or more gives one for validation; who has nothing does not
    take part.
    """
    rows = _positives(dataset, "F")
    drawn = np.random.default_rng(seed).permutation(rows.height)
    place = np.argsort(drawn)
    learned, test = place < round(share * rows.height), place >= round(LARGEST_SHARE * rows.height)
    users = rows["user"].to_numpy()
    taken = drawn[: learned.sum()]
    nth, count = _places(users[taken])
    parts = np.select([learned, test], [_TRAIN, _TEST], _LEFT_OUT)
    parts[taken[(count >= 3) & (nth == count - 1)]] = _VALIDATION
    kept = (parts != _LEFT_OUT) & np.isin(users, users[learned])
    if not (parts[kept] == _TEST).any():
        raise DataError(
            f"{dataset.name}: {share:g} of its {rows.height:,} positives leave nobody to learn from and judge"
        )
    order = _shuffled_items(rows, seed)
    return _split(dataset, "F", seed, rows.filter(kept), parts[kept], item_codes=order)


def _shuffled_items(rows: pl.DataFrame, seed: int) -> NDArray[np.int64]:
    """In random order: items that no model knows rank by it, and data sets tend to begin with what is popular."""
    items = rows["item"].unique(maintain_order=True).sort().to_numpy()
    return np.random.default_rng(seed).permutation(items)


def _positives(dataset: Dataset, protocol: Protocol) -> pl.DataFrame:
    """Rows with a rating of 3 or more, or all where there are no ratings, oldest first."""
    rows = _oldest_first(dataset)
    if "rating" in rows.columns:
        rows = rows.filter(pl.col("rating") >= _POSITIVE_FROM)
    if rows.is_empty():
        raise DataError(
            f"{dataset.name}: protocol {protocol} takes ratings of {_POSITIVE_FROM:g} or more, and there are none"
        )
    return rows


def _oldest_first(dataset: Dataset) -> pl.DataFrame:
    """Rows by time; equal times, and rows without any, keep the order of the source."""
    rows = dataset.interactions
    return rows.sort("timestamp", maintain_order=True) if "timestamp" in rows.columns else rows


def _places(users: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """For each row its place among the rows of its user, from 0, and how many these are."""
    order = np.argsort(users, kind="stable")
    counts = np.bincount(users)
    place = np.empty(len(users), dtype=np.int64)
    place[order] = np.arange(len(users)) - (np.cumsum(counts) - counts)[users[order]]
    return place, counts[users]


def _split(
    dataset: Dataset,
    protocol: Protocol | None,
    seed: int,
    rows: pl.DataFrame,
    parts: NDArray[np.integer],
    *,
    item_codes: NDArray[np.integer] | None = None,
) -> Split:
    """Code the users and items that the rows have, and deal the rows to their parts.

    Codes are in the order of the data set, or those of the items in the order of `item_codes`, which has them all.
    """
    user_codes, users = np.unique(rows["user"].to_numpy(), return_inverse=True)
    if item_codes is None:
        item_codes = np.unique(rows["item"].to_numpy())
    place_of = np.zeros(dataset.item_count, dtype=np.int64)
    place_of[item_codes] = np.arange(len(item_codes))
    items = place_of[rows["item"].to_numpy()]
    weights = rows["weight"].to_numpy() if "weight" in rows.columns else np.ones(len(users), dtype=np.float32)
    times = unix_seconds(rows["timestamp"]).to_numpy() if "timestamp" in rows.columns else None

    def part(which: int) -> Interactions:
        mine = parts == which
        mine_at = None if times is None else times[mine]
        return Interactions.from_rows(users[mine], items[mine], weights[mine], len(user_codes), mine_at)

    return Split(
        protocol=protocol,
        seed=seed,
        train=part(_TRAIN),
        validation=part(_VALIDATION),
        test=part(_TEST),
        user_ids=[dataset.user_ids[code] for code in user_codes],
        item_ids=[dataset.item_ids[code] for code in item_codes],
        user_codes=user_codes.astype(np.int64),
        item_codes=item_codes.astype(np.int64),
        final_fit="train",
    )
