"""Which items were shown by which model, and what came of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from recstream.attribution import read_token
from recstream.errors import DataError

_MICROSECONDS: Final = 1_000_000


@dataclass(frozen=True)
class Kinds:
    """Which events are what.

    Attributes
    ----------
    impressions, clicks, conversions : sequence of str
        Event types.
    within_s : float
        How long after an impression a click or a conversion still counts for it, by the times of the events.
    """

    impressions: Sequence[str] = ("impression",)
    clicks: Sequence[str] = ("click",)
    conversions: Sequence[str] = ("purchase",)
    within_s: float = 86_400.0


@dataclass(frozen=True, eq=False)
class Impressions:
    """What was shown, and what came of it.

    Attributes
    ----------
    shown : polars.DataFrame
        A row an impression, by rising ``version``: ``event_id``, ``person``, ``user``, ``session``, ``item``,
        ``time_us``, ``token``; ``model`` and ``model_version`` of the answer that showed it and its ``state_version``,
        null where the token is none of a server's; ``position`` from 1; ``score`` and ``propensity``, null where
        nobody said; ``clicked`` and ``converted``.
    unmatched_clicks, unmatched_conversions : int
        Those of which no impression is known.
    """

    shown: pl.DataFrame
    unmatched_clicks: int
    unmatched_conversions: int


def find_impressions(events: pl.DataFrame, kinds: Kinds) -> Impressions:
    """Put impressions together with what came of them.

    The same item shown again to the same person by an answer of the same token is one impression: that answer came
    from the same state. A click (or conversion) counts for the newest impression of the item to the person before it;
    with the token of a server, only for one of that token. An impression is clicked or not, however often.

    Parameters
    ----------
    events : polars.DataFrame
        As `read_events` gives them.

    Raises
    ------
    DataError
        There are no impressions, or types are used twice.
    """
    _require_apart(kinds)
    shown = events.filter(pl.col("type").is_in(kinds.impressions))
    if shown.is_empty():
        held = ", ".join(f"{name} ({count:,})" for name, count in events["type"].value_counts(sort=True).rows()[:5])
        raise DataError(
            f"the log holds no event of the type {' or '.join(kinds.impressions)}; it has {held}. Clients must report "
            "what they show, with the attribution_token of the answer"
        )
    shown = _placed(_attributed(shown).drop("type", "value"))
    columns = {}
    unmatched = []
    for name, types in (("clicked", kinds.clicks), ("converted", kinds.conversions)):
        outcomes = _attributed(events.filter(pl.col("type").is_in(types)))
        versions, without = _matched(outcomes, shown, kinds.within_s)
        columns[name] = pl.col("version").is_in(versions.implode())
        unmatched.append(without)
    return Impressions(shown.with_columns(**columns), *unmatched)


def _require_apart(kinds: Kinds) -> None:
    names = [*kinds.impressions, *kinds.clicks, *kinds.conversions]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise DataError(f"the event type {twice!r} is given twice; an event is an impression, a click or a conversion")


def _attributed(events: pl.DataFrame) -> pl.DataFrame:
    """With what the tokens say; one from the future of its event was made up."""
    tokens = events["token"].unique().to_list()
    said = [read_token(token) for token in tokens]
    known = pl.DataFrame(
        [(token, one.name, one.version, one.state_version) for token, one in zip(tokens, said, strict=True) if one],
        schema={"token": pl.String, "model": pl.String, "model_version": pl.String, "state_version": pl.Int64},
        orient="row",
    )
    joined = events.join(known, on="token", how="left", maintain_order="left")
    possible = pl.col("state_version") < pl.col("version")
    return joined.with_columns(pl.when(possible).then(pl.col(name)) for name in known.columns[1:])


def _placed(shown: pl.DataFrame) -> pl.DataFrame:
    """One row an impression, with what its attributes say; without a position, places are in the order of the log."""
    once = pl.when(pl.col("model").is_null()).then("version").otherwise(0)
    distinct = shown.with_columns(once=once).unique(
        ["person", "item", "token", "once"], keep="first", maintain_order=True
    )
    said = {
        name: pl.col("attributes").str.json_path_match(f"$.{name}").cast(pl.Float64, strict=False)
        for name in ("position", "score", "propensity")
    }
    placed = distinct.drop("once").with_columns(**said)
    order = pl.col("version").rank("ordinal").over("person", "token")
    return placed.with_columns(
        position=pl.when(pl.col("position") >= 1).then(pl.col("position").round()).otherwise(order).cast(pl.Int64)
    ).drop("attributes")


def _matched(outcomes: pl.DataFrame, shown: pl.DataFrame, within_s: float) -> tuple[pl.Series, int]:
    """Versions of the impressions that outcomes came of, and how many outcomes came of none."""
    right = shown.select("person", "item", "token", "version", shown_version="version", shown_us="time_us")
    found = []
    for with_token in (True, False):
        part = outcomes.filter(pl.col("model").is_not_null() == with_token)
        keys = ["person", "item", "token"] if with_token else ["person", "item"]
        other = right if with_token else right.drop("token")
        joined = part.join_asof(other, on="version", by=keys, strategy="backward", check_sortedness=False)
        in_time = pl.col("time_us") - pl.col("shown_us") <= within_s * _MICROSECONDS
        found.append(joined.filter(in_time)["shown_version"])
    matched = pl.concat(found)
    return matched.unique(), len(outcomes) - len(matched)
