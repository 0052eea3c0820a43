"""Click rate, conversion rate and AUC of each model that a log knows, over all and by window of time."""

import re
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl

from recstream.errors import DataError
from recstream_trainer.online.impressions import Impressions
from recstream_trainer.online.ratios import Estimate, ratio

_WINDOW: Final = re.compile(r"[1-9][0-9]{0,5}[mhdw]")
_MOST_WINDOWS: Final = 1000
_LIST: Final = ("model", "model_version", "person", "token")


@dataclass(frozen=True)
class OnlineMetrics:
    """What came of what a model showed.

    Attributes
    ----------
    model, version : str
    start_us : int or None
        Where the window begins, microseconds since 1970; None for all time.
    impressions, people, clicks, conversions : int
    ctr, conversion_rate : Estimate
        Impressions that were clicked, or led to a conversion, of all.
    auc : Estimate
        Probability that of two items of one answer, one clicked and one not, the clicked one was ranked higher.
    """

    model: str
    version: str
    start_us: int | None
    impressions: int
    people: int
    clicks: int
    conversions: int
    ctr: Estimate
    conversion_rate: Estimate
    auc: Estimate

    def to_json(self) -> dict[str, Any]:
        """JSON-ready."""
        plain = {name: value.to_json() if isinstance(value, Estimate) else value for name, value in vars(self).items()}
        return {name: value for name, value in plain.items() if value is not None}


def metrics_by_model(impressions: Impressions, seed: int, window: str | None = None) -> list[OnlineMetrics]:
    """Metrics of each model and version, the one with the most impressions first; with a window, by time within each.

    Parameters
    ----------
    impressions : Impressions
        Those without a model do not take part.
    seed : int
        Of the intervals.
    window : str, optional
        A length of time such as ``6h``, ``1d`` or ``1w``; windows begin at whole multiples, in UTC.

    Raises
    ------
    DataError
        The window is no length of time, or makes too many windows.
    """
    keys = ["model", "model_version"]
    shown = impressions.shown.filter(pl.col("model").is_not_null())
    if window is not None:
        keys.append("start_us")
        shown = shown.with_columns(start_us=_window_starts(window))
        if (count := shown.select(keys).n_unique()) > _MOST_WINDOWS:
            raise DataError(
                f"--window {window}: makes {count:,} windows, of at most {_MOST_WINDOWS:,}; choose longer ones"
            )
    people = _sums_of_people(shown, keys)
    totals = people.group_by(keys).agg(pl.col("impressions").sum()).sort("impressions", descending=True)
    order = totals if window is None else totals.sort("model", "model_version", "start_us")
    return [
        _metrics(dict(zip(keys, group, strict=True)), people.filter(_is(keys, group)), seed)
        for group in order.select(keys).rows()
    ]


def _is(keys: list[str], group: tuple[Any, ...]) -> pl.Expr:
    return pl.all_horizontal(pl.col(key) == value for key, value in zip(keys, group, strict=True))


def _window_starts(window: str) -> pl.Expr:
    if not _WINDOW.fullmatch(window):
        raise DataError(f"--window {window}: give a whole number and m, h, d or w, such as 6h or 1d")
    return pl.from_epoch("time_us", time_unit="us").dt.truncate(window).dt.epoch("us")


def _sums_of_people(shown: pl.DataFrame, keys: list[str]) -> pl.DataFrame:
    """A row for each person in each group: counts, and pairs of a clicked and an unclicked item of one answer."""
    worth = pl.when(pl.col("score").is_not_null().all().over(_LIST)).then("score").otherwise(-pl.col("position"))
    ranks = shown.with_columns(worth=worth).with_columns(rank=pl.col("worth").rank("average").over(*_LIST, *keys[2:]))
    clicked = pl.col("clicked")
    answers = ranks.group_by(*keys, "person", "token").agg(
        impressions=pl.len(),
        clicks=clicked.sum(),
        conversions=pl.col("converted").sum(),
        ranks=pl.col("rank").filter(clicked).sum(),
    )
    count = pl.col("clicks").cast(pl.Float64)
    answers = answers.with_columns(
        right_pairs=pl.col("ranks") - count * (count + 1) / 2, pairs=count * (pl.col("impressions") - count)
    )
    summed = ("impressions", "clicks", "conversions", "right_pairs", "pairs")
    # In a fixed order, which the draws of the intervals go by.
    return answers.group_by(*keys, "person").agg(pl.col(summed).sum()).sort(*keys, "person")


def _metrics(group: dict[str, Any], people: pl.DataFrame, seed: int) -> OnlineMetrics:
    sums = {name: people[name].to_numpy().astype(np.float64) for name in people.columns[-5:]}
    return OnlineMetrics(
        model=group["model"],
        version=group["model_version"],
        start_us=group.get("start_us"),
        impressions=int(sums["impressions"].sum()),
        people=len(people),
        clicks=int(sums["clicks"].sum()),
        conversions=int(sums["conversions"].sum()),
        ctr=ratio(sums["clicks"], sums["impressions"], seed),
        conversion_rate=ratio(sums["conversions"], sums["impressions"], seed),
        auc=ratio(sums["right_pairs"], sums["pairs"], seed),
    )
