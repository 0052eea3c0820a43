"""Families compared on one data set under one protocol: a table, with intervals over users."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from recstream_trainer.evaluation.bootstrap import CONFIDENCE, Interval, mean_intervals
from recstream_trainer.evaluation.judged_model import JudgedModel
from recstream_trainer.evaluation.metrics import per_user_metrics
from recstream_trainer.evaluation.report import summary_of

RANKED_BY = "ndcg@10"
_SHOWN = ("hr@10", "recall@10", "coverage@10", "novelty@10")


@dataclass(frozen=True, eq=False)
class Entry:
    """A model that takes part.

    Attributes
    ----------
    identity : mapping
        What it is: an entry of another identity is another entry. JSON-ready.
    summary : mapping
        As from `summary_of`; ``wall_s`` is that of the training.
    ndcg : float64 (M,)
        NDCG@10 of each judged user; the same users, in the same order, in every entry.
    """

    identity: Mapping[str, Any]
    summary: Mapping[str, Any]
    ndcg: NDArray[np.float64]

    @property
    def model(self) -> str:
        """Name of the family."""
        return str(self.summary["model"])

    @property
    def score(self) -> float:
        """What entries are ranked by."""
        return float(self.summary[RANKED_BY])

    def to_json(self) -> str:
        """Everything, for `entry_from_json`."""
        told = {"identity": dict(self.identity), "summary": dict(self.summary), "user_ndcg@10": self.ndcg.tolist()}
        return json.dumps(told) + "\n"


@dataclass(frozen=True)
class Place:
    """An entry in the table; intervals are over users, of the entry's mean and of its difference to the best's."""

    entry: Entry
    interval: Interval
    difference: float
    difference_interval: Interval


def entry_of(judged: JudgedModel, identity: Mapping[str, Any], *, wall_s: float) -> Entry:
    """Keep of a judged model what the table needs."""
    ndcg = per_user_metrics(judged.rankings, 10)["ndcg"]
    return Entry(identity, summary_of(judged, wall_s=wall_s), np.asarray(ndcg, dtype=np.float64))


def entry_from_json(text: str) -> Entry:
    """The inverse of `Entry.to_json`.

    Raises
    ------
    ValueError, KeyError, TypeError
        Something else.
    """
    told = json.loads(text)
    return Entry(told["identity"], told["summary"], np.array(told["user_ndcg@10"], dtype=np.float64))


def placed(entries: Sequence[Entry], seed: int) -> list[Place]:
    """Best first; the same resamples of users stand behind all intervals.

    Parameters
    ----------
    entries : sequence of Entry
        At least one, each of another model.
    seed : int
        Of the resamples.
    """
    ranked = sorted(entries, key=lambda entry: -entry.score)
    best = ranked[0]
    values = {f"mean {entry.model}": entry.ndcg for entry in ranked}
    values |= {f"difference {entry.model}": entry.ndcg - best.ndcg for entry in ranked}
    intervals = mean_intervals(values, seed)
    return [
        Place(
            entry,
            intervals[f"mean {entry.model}"],
            entry.score - best.score,
            intervals[f"difference {entry.model}"],
        )
        for entry in ranked
    ]


def leaderboard_files(places: Sequence[Place], command: str) -> dict[str, bytes]:
    """The report, by file name.

    Parameters
    ----------
    places : sequence of Place
        As from `placed`.
    command : str
        What makes the report again.
    """
    # Half a second to import, and only for those who want a report.
    from recstream_trainer.evaluation import plots  # noqa: PLC0415

    bars = {place.entry.model: (place.entry.score, place.interval) for place in places}
    rows = [
        {
            **place.entry.summary,
            f"{RANKED_BY}_interval": place.interval,
            "difference_to_best": place.difference,
            "difference_interval": place.difference_interval,
        }
        for place in places
    ]
    told = {"ranked_by": RANKED_BY, "confidence": CONFIDENCE, "command": command, "models": rows}
    return {
        "leaderboard.json": (json.dumps(told, indent=2) + "\n").encode(),
        "leaderboard.md": _markdown(places, command).encode(),
        "leaderboard.png": plots.interval_bars(bars, "NDCG@10, mean over users"),
    }


def _markdown(places: Sequence[Place], command: str) -> str:
    about = places[0].entry.summary
    told = (
        f"Protocol {about['protocol']}, seed {about['seed']}, {about['users']:,} users judged. Best NDCG@10 first, with"
        f" {CONFIDENCE:.0%} intervals (percentile bootstrap over users). The difference is to the best model, user by"
        " user: an interval that holds 0 does not tell the two apart. Novelty is in bits: less, more popular items."
    )
    lines = [
        f"# Models on {about['data']}",
        "",
        told,
        "",
        f"Command: `{command}`",
        "",
        "| model | NDCG@10 | difference | HR@10 | recall@10 | coverage@10 | novelty@10 | training |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
        *(_row(place) for place in places),
        "",
        "![NDCG@10 with intervals](leaderboard.png)",
        "",
        "Settings of each model: `leaderboard.json`.",
    ]
    return "\n".join(lines) + "\n"


def _row(place: Place) -> str:
    summary, (low, high), (less, more) = place.entry.summary, place.interval, place.difference_interval
    behind = f"{place.difference:+.4f} ({less:+.4f} to {more:+.4f})" if place.difference else "best"
    shown = " | ".join(f"{summary[name]:.4f}" for name in _SHOWN)
    score = f"{place.entry.score:.4f} ({low:.4f} to {high:.4f})"
    return f"| {place.entry.model} | {score} | {behind} | {shown} | {summary['wall_s']:.1f} s |"
