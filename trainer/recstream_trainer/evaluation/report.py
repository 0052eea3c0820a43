"""The report on a judged model: `evaluation.json` for programs, `evaluation.md` with plots for people."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recstream_trainer.evaluation.bootstrap import CONFIDENCE
from recstream_trainer.evaluation.judged_model import JudgedModel
from recstream_trainer.evaluation.rating_accuracy import RatingAccuracy

_PROTOCOLS = {
    "A": "next item, full ranking: the last item of every user by time is the test, the one before it validation",
    "F": "few interactions: a random share of the positives is learned from, and four fifths are the test",
    "E": "cold items: a random fifth of the items is held out and only these are ranked, a tenth more is validation",
    "C": "top-n: of every user's ratings of 3 or more a random tenth each is validation and test, full ranking",
}
_PER_LIST = {
    "hr": "users with a hit",
    "recall": "held-out items found",
    "precision": "places that hold one",
    "ndcg": "discounted gain",
    "mrr": "1 / place of the first hit",
    "map": "mean average precision",
    "coverage": "items recommended to anybody",
    "novelty": "bits; rarer items, more",
    "diversity": "unlike pairs in a list",
}


def report_files(judged: JudgedModel, *, wall_s: float | None = None, command: str | None = None) -> dict[str, bytes]:
    """The files of the report, by name; the names fit into a bundle.

    Parameters
    ----------
    wall_s : float, optional
        How long what is reported took: training, if that is the occasion; by default the ranking alone.
    command : str, optional
        What makes the report again.
    """
    # Half a second to import, and only for those who want a report.
    from recstream_trainer.evaluation import plots  # noqa: PLC0415

    summary = summary_of(judged, wall_s=wall_s, command=command)
    return {
        "evaluation.json": (json.dumps(summary, indent=2) + "\n").encode(),
        "evaluation.md": _markdown(judged, summary).encode(),
        "evaluation-curves.png": plots.metric_curves(judged),
        "evaluation-users.png": plots.user_distribution(judged),
        "evaluation-popularity.png": plots.popularity_shares(judged),
        "evaluation-history.png": plots.history_lengths(judged),
    }


def rating_report(
    accuracy: RatingAccuracy, *, data: str, model: str, seed: int, parameters: Mapping[str, Any], command: str | None
) -> dict[str, bytes]:
    """The files about protocol B, by name."""
    summary = {
        "protocol": "B",
        "seed": seed,
        "data": data,
        "model": model,
        **accuracy.metrics,
        "folds": [{"rmse": rmse, "mae": mae} for rmse, mae in zip(accuracy.rmse, accuracy.mae, strict=True)],
        "wall_s": round(accuracy.wall_s, 3),
        "command": command,
        "parameters": dict(parameters),
    }
    lines = [
        f"# {model} on {data}: predicted ratings",
        "",
        f"Protocol B, {len(accuracy.rmse)}-fold cross-validation, seed {seed}; smaller is better.",
        "The model in the bundle was trained on all ratings.",
        "",
        "| fold | RMSE | MAE |",
        "|---|---:|---:|",
        *(f"| {n} | {r:.4f} | {m:.4f} |" for n, (r, m) in enumerate(zip(accuracy.rmse, accuracy.mae, strict=True), 1)),
        f"| mean | {accuracy.metrics['rmse']:.4f} | {accuracy.metrics['mae']:.4f} |",
    ]
    return {
        "evaluation.json": (json.dumps(summary, indent=2) + "\n").encode(),
        "evaluation.md": ("\n".join(lines) + "\n").encode(),
    }


def write_report(
    folder: Path, judged: JudgedModel, *, wall_s: float | None = None, command: str | None = None
) -> list[Path]:
    """Write `report_files` into a folder, which is made if need be, and return their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    files = report_files(judged, wall_s=wall_s, command=command)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in files]


def summary_of(judged: JudgedModel, *, wall_s: float | None = None, command: str | None = None) -> dict[str, Any]:
    """What `evaluation.json` holds: what was judged, how, and every metric."""
    return {
        "protocol": judged.split.protocol,
        "seed": judged.split.seed,
        "data": judged.data,
        "model": judged.model,
        "final_fit": judged.split.final_fit,
        **judged.metrics,
        "intervals": {name: list(ends) for name, ends in judged.intervals.items()},
        "confidence": CONFIDENCE,
        "chance": judged.chance,
        "diversity_by": judged.diversity_by,
        "wall_s": round(judged.wall_s if wall_s is None else wall_s, 3),
        "command": command,
        "parameters": dict(judged.parameters),
    }


def _markdown(judged: JudgedModel, summary: dict[str, Any]) -> str:
    split = judged.split
    protocol = f"{split.protocol}, {_PROTOCOLS[split.protocol]}" if split.protocol else "none"
    lines = [
        f"# {judged.model} on {judged.data}",
        "",
        f"- protocol: {protocol}",
        f"- seed: {split.seed}",
        f"- users, items: {len(split.user_ids):,}, {len(split.item_ids):,}",
        f"- interactions: {len(split.train):,} train, {len(split.validation):,} validation, {len(split.test):,} test",
        f"- judged users: {judged.metrics['users']:,}",
        f"- the final fit saw: {split.final_fit}",
        f"- hyper-parameters: `{json.dumps(summary['parameters'], sort_keys=True)}`",
        f"- wall time: {summary['wall_s']} s",
        *([f"- command: `{summary['command']}`"] if summary["command"] else []),
        "",
        *_metric_table(judged),
        "",
        f"{CONFIDENCE:.0%} intervals of means over users (percentile bootstrap), and what a random order comes to:",
        "",
        *_interval_table(judged),
        "",
        *([f"AUC {judged.metrics['auc']:.4f}.", ""] if "auc" in judged.metrics else []),
        f"Items are alike, for diversity, by their {judged.diversity_by}.",
        "",
        "![HR, NDCG and recall by the length of the list](evaluation-curves.png)",
        "",
        "![NDCG@10 of users](evaluation-users.png)",
        "",
        "![Popularity of what is recommended](evaluation-popularity.png)",
        "",
        "![NDCG@10 by length of history](evaluation-history.png)",
    ]
    return "\n".join(lines) + "\n"


def _metric_table(judged: JudgedModel) -> list[str]:
    rows = ["| | " + " | ".join(f"@{k}" for k in judged.ks) + " | |", "|---|" + "---:|" * len(judged.ks) + "---|"]
    for name, meaning in _PER_LIST.items():
        values = " | ".join(f"{judged.metrics[f'{name}@{k}']:.4f}" for k in judged.ks)
        rows.append(f"| {name} | {values} | {meaning} |")
    return rows


def _interval_table(judged: JudgedModel) -> list[str]:
    rows = ["| | " + " | ".join(f"@{k} | chance" for k in judged.ks) + " |", "|---|" + "---:|---:|" * len(judged.ks)]
    for name in dict.fromkeys(key.partition("@")[0] for key in judged.intervals):
        cells = []
        for key in (f"{name}@{k}" for k in judged.ks):
            low, high = judged.intervals[key]
            chance = f"{judged.chance[key]:.4f}" if key in judged.chance else ""
            cells.append(f"{low:.4f} to {high:.4f} | {chance}")
        rows.append(f"| {name} | {' | '.join(cells)} |")
    return rows
