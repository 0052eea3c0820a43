"""The table of models."""

import json

import numpy as np
import pytest
from recstream_trainer.evaluation.bootstrap import mean_intervals
from recstream_trainer.evaluation.leaderboard import Entry, entry_from_json, leaderboard_files, placed

USERS = 400
RANDOM = np.random.default_rng(2)
EASY = RANDOM.random(USERS)


def entry(model: str, shift: float, noise: float = 0.0) -> Entry:
    """The same users are easy for every model, by far more than the models differ."""
    ndcg = EASY + shift + noise * RANDOM.standard_normal(USERS)
    summary = dict.fromkeys(["hr@10", "recall@10", "coverage@10", "novelty@10"], 0.5)
    about = {"model": model, "data": "shop", "protocol": "C", "seed": 1, "users": USERS, "wall_s": 2.0}
    return Entry({"model": model}, {**summary, **about, "ndcg@10": float(ndcg.mean())}, ndcg)


def test_the_best_comes_first_and_the_others_are_compared_with_it_user_by_user() -> None:
    best, near, behind = placed([entry("near", 0.0, 0.05), entry("behind", -0.02, 0.05), entry("best", 0.001)], seed=1)
    assert [place.entry.model for place in (best, near, behind)] == ["best", "near", "behind"]
    assert (best.difference, best.difference_interval) == (0, (0, 0))
    assert near.difference_interval[0] < 0 < near.difference_interval[1]
    # The intervals of the means overlap: only the paired difference tells the two apart.
    assert behind.interval[1] > best.interval[0]
    assert behind.difference_interval[1] < 0
    assert behind.difference == pytest.approx(behind.entry.score - best.entry.score)
    low, high = mean_intervals({"difference": behind.entry.ndcg - best.entry.ndcg}, seed=1)["difference"]
    assert behind.difference_interval == pytest.approx((low, high))


def test_the_report_holds_every_model() -> None:
    files = leaderboard_files(placed([entry("a", 0.0), entry("b", -0.1)], seed=1), "recstream leaderboard ...")
    assert sorted(files) == ["leaderboard.json", "leaderboard.md", "leaderboard.png"]
    told = json.loads(files["leaderboard.json"])
    assert [row["model"] for row in told["models"]] == ["a", "b"]
    assert told["models"][1]["difference_to_best"] == pytest.approx(-0.1)
    rows = [line for line in files["leaderboard.md"].decode().splitlines() if line.startswith(("| a |", "| b |"))]
    assert "| best | 0.5000 | 0.5000 | 0.5000 | 0.5000 | 2.0 s |" in rows[0]
    assert "| -0.1000 (-0.1000 to -0.1000) |" in rows[1]
    assert files["leaderboard.png"].startswith(b"\x89PNG")


def test_an_entry_is_kept_to_the_bit() -> None:
    made = entry("a", 0.0)
    kept = entry_from_json(made.to_json())
    assert (kept.identity, kept.summary) == (made.identity, made.summary)
    np.testing.assert_array_equal(kept.ndcg, made.ndcg)
