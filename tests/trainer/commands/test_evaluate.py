"""`recstream train` and then `recstream evaluate`, in processes of their own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

RECSTREAM = Path(sys.executable).with_name("recstream")
Train = Callable[..., Path]


@pytest.fixture(scope="session")
def ratings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of 60 users who rated most of 30 items, some twice."""
    random = np.random.default_rng(0)
    path = tmp_path_factory.mktemp("data") / "ratings.csv"
    rows = [f"u{random.integers(60)},i{random.integers(30)},{random.integers(1, 6)},{time}" for time in range(1800)]
    path.write_text("\n".join(["who,what,stars,when", *rows]) + "\n")
    return path


COLUMNS = ("--columns", "user=who,item=what,rating=stars,timestamp=when")


def evaluate(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(RECSTREAM), "evaluate", *arguments], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("protocol", ["A", "C"])
def test_figures_are_those_of_the_training_run(ratings: Path, train: Train, tmp_path: Path, protocol: str) -> None:
    common = ("--data", str(ratings), *COLUMNS, "--protocol", protocol)
    bundle = train("--model", "als", *common, "--quick", "--set", "data.repeats=first")
    done = evaluate("--bundle", str(bundle), *common, "--json", str(tmp_path / "x.json"), "--report", str(tmp_path))
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "x.json").read_text())
    trained = json.loads((bundle / "evaluation.json").read_text())
    metrics = [key for key in trained if "@" in key or key in ("auc", "users", "protocol", "seed", "final_fit")]
    assert len(metrics) > 10
    assert {key: told[key] for key in metrics} == pytest.approx({key: trained[key] for key in metrics}, abs=1e-6)
    assert told["command"].startswith("recstream evaluate --bundle")
    assert f"protocol {protocol}, seed 1" in done.stdout
    assert (tmp_path / "evaluation.md").exists()


def test_a_bundle_trained_on_everything_is_refused(ratings: Path, train: Train) -> None:
    bundle = train("--model", "popular", "--data", str(ratings), *COLUMNS)
    done = evaluate("--bundle", str(bundle), "--data", str(ratings), *COLUMNS, "--protocol", "C")
    assert done.returncode != 0
    assert "has seen what protocol C tests on" in done.stderr
    assert "Traceback" not in done.stderr
