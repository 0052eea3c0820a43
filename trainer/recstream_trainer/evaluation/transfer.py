"""Protocol F: what begins from a bundle beside what begins anew, by share of the data and by seed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from recstream_trainer.evaluation.bootstrap import CONFIDENCE, Interval, mean_intervals
from recstream_trainer.evaluation.leaderboard import RANKED_BY, Entry


@dataclass(frozen=True, eq=False)
class Pair:
    """Two runs that differ in nothing but where they begin.

    Attributes
    ----------
    share : float
        Of the positives was learned from.
    seed : int
    scratch, tuned : Entry
        Begun anew, and from the bundle; of the same users.
    """

    share: float
    seed: int
    scratch: Entry
    tuned: Entry

    @property
    def gain(self) -> float:
        """How much better the run from the bundle is."""
        return self.tuned.score - self.scratch.score

    @property
    def intervals(self) -> Mapping[str, Interval]:
        """Over users: of the ``scratch`` mean, the ``tuned`` one, and the ``gain``, which is taken user by user."""
        values = {"scratch": self.scratch.ndcg, "tuned": self.tuned.ndcg, "gain": self.tuned.ndcg - self.scratch.ndcg}
        return mean_intervals(values, self.seed)

    def to_json(self) -> dict[str, Any]:
        """Everything but the users' own figures."""
        told = {"share": self.share, "seed": self.seed, "gain": self.gain, "intervals": dict(self.intervals)}
        return told | {"scratch": dict(self.scratch.summary), "tuned": dict(self.tuned.summary)}


def transfer_files(pairs: Sequence[Pair], begins_from: str, command: str) -> dict[str, bytes]:
    """The report, by file name.

    Parameters
    ----------
    begins_from : str
        Name and version of the bundle.
    command : str
        What makes the report again.
    """
    told = {
        "ranked_by": RANKED_BY,
        "confidence": CONFIDENCE,
        "begins_from": begins_from,
        "command": command,
        "pairs": [pair.to_json() for pair in pairs],
    }
    return {
        "transfer.json": (json.dumps(told, indent=2) + "\n").encode(),
        "transfer.md": _markdown(pairs, begins_from, command).encode(),
    }


def _markdown(pairs: Sequence[Pair], begins_from: str, command: str) -> str:
    about = pairs[0].tuned.summary
    told = (
        f"{about['model']} on {about['data']}, protocol F, from {begins_from} and anew, with equal settings. NDCG@10"
        f" with {CONFIDENCE:.0%} intervals (percentile bootstrap over users); the gain is taken user by user: an"
        " interval above 0 says that beginning from the bundle is better."
    )
    lines = [
        "# Transfer",
        "",
        told,
        "",
        f"Command: `{command}`",
        "",
        "| share | seed | users | anew | from the bundle | gain | recall@10, both |",
        "|---:|---:|---:|---:|---:|---:|---:|",
        *map(_row, pairs),
    ]
    return "\n".join(lines) + "\n"


def _row(pair: Pair) -> str:
    scratch, tuned = pair.scratch.summary, pair.tuned.summary
    shown = {name: f"({low:.4f} to {high:.4f})" for name, (low, high) in pair.intervals.items()}
    return (
        f"| {pair.share:.0%} | {pair.seed} | {tuned['users']:,} | {pair.scratch.score:.4f} {shown['scratch']} "
        f"| {pair.tuned.score:.4f} {shown['tuned']} | {pair.gain:+.4f} {shown['gain']} "
        f"| {scratch['recall@10']:.4f}, {tuned['recall@10']:.4f} |"
    )
