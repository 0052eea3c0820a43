"""The report of a judged model."""

import json
import re
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from recstream_trainer.datasets import Dataset
from recstream_trainer.evaluation import JudgedModel, evaluate_ranking, judge, report_files, split, write_report
from recstream_trainer.evaluation.judged_model import item_features

PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture(scope="module")
def judged(films: Dataset) -> JudgedModel:
    """A random model under protocol C."""
    parts = split(films, "C", 3)
    vectors = np.random.default_rng(0).normal(size=(len(parts.item_ids), 4)).astype(np.float32)

    def score(users: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.tile(vectors[:, 0], (len(users), 1))

    return judge(score, films, parts, model="first", parameters={"d": 4}, item_vectors=vectors, ks=(5, 10))


def test_metrics_are_those_of_evaluate_ranking(films: Dataset, judged: JudgedModel) -> None:
    parts = judged.split
    scores = np.random.default_rng(0).normal(size=(len(parts.item_ids), 4)).astype(np.float32)[:, 0]
    features, _ = item_features(films.items[parts.item_codes], np.empty((0, 0), dtype=np.float32))
    expected = evaluate_ranking(
        lambda users: np.tile(scores, (len(users), 1)), parts.before_test, parts.test, (5, 10), item_features=features
    )
    assert judged.metrics == pytest.approx(expected)
    assert judged.diversity_by == "genres"


def test_json_says_what_was_judged_and_how(judged: JudgedModel) -> None:
    summary = json.loads(report_files(judged, wall_s=12.34, command="recstream train ...")["evaluation.json"])
    assert summary == judged.metrics | {
        "protocol": "C",
        "seed": 3,
        "data": "films",
        "model": "first",
        "final_fit": "train",
        "intervals": {name: list(ends) for name, ends in judged.intervals.items()},
        "confidence": 0.95,
        "chance": judged.chance,
        "diversity_by": "genres",
        "wall_s": 12.34,
        "command": "recstream train ...",
        "parameters": {"d": 4},
    }


def test_the_report_is_written_with_its_plots(judged: JudgedModel, tmp_path: Path) -> None:
    paths = write_report(tmp_path / "report", judged)
    assert sorted(path.name for path in (tmp_path / "report").iterdir()) == sorted(path.name for path in paths)
    text = (tmp_path / "report" / "evaluation.md").read_text()
    assert text.startswith("# first on films\n")
    assert f"| ndcg | {judged.metrics['ndcg@5']:.4f} | {judged.metrics['ndcg@10']:.4f} |" in text
    shown = re.findall(r"\]\((.*?)\)", text)
    assert len(shown) == 4
    assert all((tmp_path / "report" / name).read_bytes().startswith(PNG) for name in shown)


def test_files_fit_into_a_bundle(judged: JudgedModel) -> None:
    assert all(re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", name) for name in report_files(judged))


def test_items_are_compared_by_their_genres() -> None:
    items = pl.DataFrame({"year": [1, 2, 3], "genres": [["B", "A"], None, ["A"]]})
    features, name = item_features(items, np.zeros((3, 2), dtype=np.float32))
    assert name == "genres"
    assert features.tolist() == [[1, 1], [0, 0], [1, 0]]


def test_items_without_lists_are_compared_by_their_vectors() -> None:
    vectors = np.ones((2, 3), dtype=np.float32)
    features, name = item_features(pl.DataFrame({"title": ["x", "y"]}), vectors)
    assert name == "item vectors"
    assert features is vectors
