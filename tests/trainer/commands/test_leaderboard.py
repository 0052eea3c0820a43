"""`recstream leaderboard` on a small shop."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from recstream_trainer.cli import register
from typer.testing import CliRunner

from recstream.cli import build_app
from recstream.errors import ConfigurationError


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two halves of users, each with a taste for a half of the items: popularity cannot know."""
    rng = np.random.default_rng(5)
    lines = ["user,item,timestamp"]
    for user in range(60):
        half = 15 * (user % 2)
        lines += [f"u{user},i{half + item},{place}" for place, item in enumerate(rng.permutation(15)[:10])]
    path = tmp_path_factory.mktemp("data") / "shop.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def compare(csv: Path, out: Path, models: str, *more: str) -> Result:
    arguments = ["--data", str(csv), "--protocol", "C", "--models", models, "--quick", "--out", str(out), *more]
    return CliRunner().invoke(build_app([register]), ["leaderboard", *arguments])


def test_families_are_compared_and_what_is_done_is_not_done_again(csv: Path, tmp_path: Path) -> None:
    done = compare(csv, tmp_path, "popular,item_knn")
    assert done.exit_code == 0, done.output
    told = json.loads((tmp_path / "leaderboard.json").read_text())
    assert [row["model"] for row in told["models"]] == ["item_knn", "popular"]
    assert told["models"][1]["difference_interval"][1] < 0
    assert {"parameters", "coverage@10", "novelty@10", "ndcg@10_interval"} <= told["models"][0].keys()
    first = (tmp_path / "popular.json").read_bytes()

    again = compare(csv, tmp_path, "popular,als,item_knn")
    assert again.exit_code == 0, again.output
    assert len(re.findall("done before", again.output)) == 2
    assert (tmp_path / "popular.json").read_bytes() == first
    assert len(json.loads((tmp_path / "leaderboard.json").read_text())["models"]) == 3

    other = compare(csv, tmp_path, "popular", "--seed", "2")
    assert "done before" not in other.output
    assert json.loads((tmp_path / "popular.json").read_text())["identity"]["seed"] == 2


@pytest.mark.parametrize(
    ("models", "message"),
    [
        ("als,alss", r"no model family 'alss' \(did you mean 'als'\?\)"),
        ("als, als", "'als' is named twice"),
        ("als,svdpp", "svdpp predicts ratings; judge it by train --protocol B"),
    ],
)
def test_wrong_models_are_refused_before_anything_is_done(csv: Path, tmp_path: Path, models: str, message: str) -> None:
    done = compare(csv, tmp_path / "out", models)
    assert isinstance(done.exception, ConfigurationError)
    assert re.search(message, str(done.exception))
    assert not (tmp_path / "out").exists()


def test_a_file_that_is_no_entry_is_left_alone(csv: Path, tmp_path: Path) -> None:
    (tmp_path / "popular.json").write_text('{"mine": 1}')
    done = compare(csv, tmp_path, "popular")
    assert "is not of a leaderboard; move it" in str(done.exception)
    assert (tmp_path / "popular.json").read_text() == '{"mine": 1}'
