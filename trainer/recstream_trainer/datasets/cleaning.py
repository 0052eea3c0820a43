"""Raw rows to coded interactions, in small steps that each tell what they dropped."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recstream.errors import DataError
from recstream.event_types import EventTypes
from recstream_trainer.datasets import images
from recstream_trainer.datasets.cleaning_report import CleaningReport, CleaningStep
from recstream_trainer.datasets.dataset import Dataset
from recstream_trainer.datasets.raw_tables import RawTables
from recstream_trainer.datasets.values import as_id, as_number, as_timestamp, is_readable

MAX_ID_BYTES = 128
"""The limit of a bundle."""


@dataclass(frozen=True)
class CleaningRules:
    """Choices of the cleaning pipeline.

    Attributes
    ----------
    repeats : {"last", "first", "sum"}, optional
        What becomes of several rows of one user and item: the newest stays, the oldest stays, or the newest stays and
        gets the weights of all. Without timestamps the order of the source is the order in time. By default ``last``
        where there are ratings (the newest rating counts) and ``sum`` where there are none (more events say more).
    min_rating : float, optional
        Rows rated lower are dropped.
    min_user_interactions, min_item_interactions : int
        Users and items with fewer interactions are dropped, over and over until none is left (k-core). 1 keeps all.
    event_types : EventTypes
        What an event of each type weighs, by default as in a server that starts with its defaults. Rows of types at 0
        or below are dropped; types that are not in it weigh 1 in a file, and 0 in an event log.
    """

    repeats: Literal["last", "first", "sum"] | None = None
    min_rating: float | None = None
    min_user_interactions: int = 1
    min_item_interactions: int = 1
    event_types: EventTypes = field(default_factory=EventTypes)


_Step = Callable[[pl.DataFrame, CleaningRules], pl.DataFrame]

_PAIR = ["user", "item"]


def clean(name: str, raw: RawTables, rules: CleaningRules) -> Dataset:
    """Run the pipeline and code what is left.

    Raises
    ------
    DataError
        A column of a type that cannot be read, no row left, or a single user or item; says which steps dropped what.
    """
    for column, dtype in raw.rows.schema.items():
        if not is_readable(dtype):
            raise DataError(f"{name}: the column for the {column} holds {dtype}; give it as text, numbers or dates")
    frame = raw.rows.with_row_index("row", offset=1)
    report = [raw.left_out] if raw.left_out is not None else []
    for what, step in _steps(frame.columns, rules):
        after = step(frame, rules)
        report.append(CleaningStep(what, frame.height, after.height, _examples(frame, after)))
        frame = after
    cleaning = CleaningReport(tuple(report))
    _require_enough(name, frame, cleaning)
    return _coded(name, frame.drop("row"), raw, cleaning)


def k_core(users: NDArray[np.integer], items: NDArray[np.integer], min_user: int, min_item: int) -> NDArray[np.bool_]:
    """Rows of the largest subset in which every user and item has at least so many rows.

    Parameters
    ----------
    users, items : integer (n,)
        Codes from 0.

    Returns
    -------
    bool (n,)
    """
    keep = np.ones(len(users), dtype=np.bool_)
    while keep.any():
        few_users = np.bincount(users[keep], minlength=users.max() + 1) < min_user
        few_items = np.bincount(items[keep], minlength=items.max() + 1) < min_item
        going = keep & (few_users[users] | few_items[items])
        if not going.any():
            break
        keep &= ~going
    return keep


def _steps(columns: list[str], rules: CleaningRules) -> list[tuple[str, _Step]]:
    """The steps that apply, in order; each is named by what it leaves true."""
    steps: list[tuple[str, _Step]] = [
        ("a user and an item", _ids_present),
        (f"ids of at most {MAX_ID_BYTES} bytes", _ids_short),
    ]
    if "rating" in columns:
        steps.append(("a finite rating", _ratings))
    if "timestamp" in columns:
        steps.append(("a timestamp", _timestamps))
    if "weight" in columns:
        steps.append(("a weight above zero", _weights))
    if "type" in columns:
        steps.append(("a type that weighs more than zero", _types))
    if "timestamp" in columns:
        # Without a time, a second row like the first may well be a second event: that is for the next step to say.
        steps.append(("no exact copy before it", _exact_copies))
    steps.append((f"its user and item once ({_repeats(columns, rules)})", _repeated_pairs))
    if rules.min_rating is not None and "rating" in columns:
        steps.append((f"a rating of at least {rules.min_rating:g}", _low_ratings))
    if max(rules.min_user_interactions, rules.min_item_interactions) > 1:
        core = f"a user with {rules.min_user_interactions} rows or more and an item with {rules.min_item_interactions}"
        steps.append((core, _sparse))
    return steps


def _repeats(columns: list[str], rules: CleaningRules) -> str:
    return rules.repeats or ("last" if "rating" in columns else "sum")


def _ids_present(frame: pl.DataFrame, _: CleaningRules) -> pl.DataFrame:
    return frame.with_columns(as_id(frame["user"]), as_id(frame["item"])).drop_nulls(_PAIR)


def _ids_short(frame: pl.DataFrame, _: CleaningRules) -> pl.DataFrame:
    short = frame.filter(pl.all_horizontal(pl.col(_PAIR).str.len_bytes() <= MAX_ID_BYTES))
    # As numbers from here on, which still print as their text: the steps below take a third of the time.
    return short.with_columns(ids.cast(pl.Enum(ids.unique(maintain_order=True))) for ids in short.select(_PAIR))


def _ratings(frame: pl.DataFrame, _: CleaningRules) -> pl.DataFrame:
    return frame.with_columns(as_number(frame["rating"])).drop_nulls("rating")


def _timestamps(frame: pl.DataFrame, _: CleaningRules) -> pl.DataFrame:
    return frame.with_columns(as_timestamp(frame["timestamp"])).drop_nulls("timestamp")


def _weights(frame: pl.DataFrame, _: CleaningRules) -> pl.DataFrame:
    return frame.with_columns(as_number(frame["weight"])).filter(pl.col("weight") > 0)


def _types(frame: pl.DataFrame, rules: CleaningRules) -> pl.DataFrame:
    kind = pl.col("type").cast(pl.String).str.strip_chars().str.to_lowercase()
    weights = {known.name: known.weight for known in rules.event_types}
    worth = kind.replace_strict(weights, default=1.0, return_dtype=pl.Float32)
    weight = worth * pl.col("weight") if "weight" in frame.columns else worth
    return frame.with_columns(weight.alias("weight")).filter(pl.col("weight") > 0)


def _exact_copies(frame: pl.DataFrame, _: CleaningRules) -> pl.DataFrame:
    suspects = frame.filter(_pair(frame).is_duplicated())
    copies = suspects.filter(~pl.struct(pl.exclude("row")).is_first_distinct())
    return frame.filter(~pl.col("row").is_in(copies["row"].implode()))


def _repeated_pairs(frame: pl.DataFrame, rules: CleaningRules) -> pl.DataFrame:
    repeats = _repeats(frame.columns, rules)
    if repeats == "sum":
        if "weight" not in frame.columns:
            frame = frame.with_columns(pl.lit(1.0, dtype=pl.Float32).alias("weight"))
        frame = frame.with_columns(pl.col("weight").sum().over(_pair(frame)))
    ordered = frame.sort("timestamp", maintain_order=True) if "timestamp" in frame.columns else frame
    pair = _pair(ordered)
    return ordered.filter(pair.is_first_distinct() if repeats == "first" else pair.is_last_distinct()).sort("row")


def _pair(frame: pl.DataFrame) -> pl.Series:
    """One Int64 for a user and an item, equal for equal pairs."""
    users, items = (frame[column].to_physical().cast(pl.Int64) for column in _PAIR)
    return users * frame.height + items


def _low_ratings(frame: pl.DataFrame, rules: CleaningRules) -> pl.DataFrame:
    return frame.filter(pl.col("rating") >= rules.min_rating)


def _sparse(frame: pl.DataFrame, rules: CleaningRules) -> pl.DataFrame:
    users, items = (frame[column].to_physical().to_numpy() for column in _PAIR)
    return frame.filter(k_core(users, items, rules.min_user_interactions, rules.min_item_interactions))


def _examples(before: pl.DataFrame, after: pl.DataFrame) -> tuple[str, ...]:
    if before.height == after.height:
        return ()
    gone = before.filter(~pl.col("row").is_in(after["row"].implode())).head(3)
    return tuple(
        f"row {row.pop('row')}: " + ", ".join(f"{column}={value}" for column, value in row.items())
        for row in gone.iter_rows(named=True)
    )


def _require_enough(name: str, frame: pl.DataFrame, cleaning: CleaningReport) -> None:
    losses = "; ".join(
        f"{step.dropped:,} lacked {step.name}" + (f" ({step.examples[0]})" if step.examples else "")
        for step in cleaning.steps
        if step.dropped
    )
    told = f"of {cleaning.rows_read:,} rows read" + (f", {losses}" if losses else "")
    if frame.is_empty():
        raise DataError(f"{name}: no rows are left after cleaning: {told}; check the columns and the cleaning rules")
    for column in _PAIR:
        if frame[column].n_unique() < 2:
            only = frame[column][0]
            raise DataError(f"{name}: {only!r} is the only {column}, {told}; at least two are needed")


def _codes(ids: pl.Series) -> tuple[pl.Series, list[str]]:
    """Codes by first appearance, Int32, and the id of each."""
    known = ids.unique(maintain_order=True).cast(pl.String)
    return ids.cast(pl.Enum(known)).to_physical().cast(pl.Int32), known.to_list()


def _coded(name: str, frame: pl.DataFrame, raw: RawTables, cleaning: CleaningReport) -> Dataset:
    users, user_ids = _codes(frame["user"])
    codes, item_ids = _codes(frame["item"])
    values = [column for column in ("rating", "timestamp", "weight") if column in frame.columns]
    known = _attributes(item_ids, raw.items)
    return Dataset(
        name=name,
        interactions=frame.select(users, codes, *values),
        user_ids=user_ids,
        item_ids=item_ids,
        items=known.drop(images.COLUMNS, strict=False),
        cleaning=cleaning,
        log=raw.log,
        images=known.select(column for column in images.COLUMNS if column in known.columns),
    )


def _attributes(item_ids: list[str], items: pl.DataFrame | None) -> pl.DataFrame:
    """A row per code; of an item that the source describes twice, the first description counts."""
    known = pl.DataFrame({"item": item_ids})
    if items is not None:
        known = known.join(items.unique("item", keep="first"), on="item", how="left", maintain_order="left")
    return known.drop("item")
