"""`recstream train --quick` with every neural family, to a bundle that a server takes."""

from pathlib import Path

import numpy as np
import pytest
from recstream_trainer.cli import register
from typer.testing import CliRunner

import recstream
from recstream.bundle import Bundle, OnnxEncoder
from recstream.bundle.onnx_runner import History, OnnxRunner, select_history
from recstream.cli import build_app

FAMILIES = ["autorec", "gru4rec", "hstu", "lstm", "mult_vae", "ncf", "nextitnet", "sasrec"]
USERS, ITEMS = 40, 12


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Everybody goes round a circle of items, and rates every third badly."""
    lines = ["user,item,rating,timestamp"]
    lines += [
        f"u{user},i{(user + place) % ITEMS},{1 if place % 3 == 2 else 5},{1_700_000_000 + 60 * place}"
        for user in range(USERS)
        for place in range(3 + user % 7)
    ]
    path = tmp_path_factory.mktemp("data") / "circle.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def history_of(bundle: Bundle, user: int) -> History:
    entries = slice(bundle.history_indptr[user], bundle.history_indptr[user + 1])
    assert bundle.history_times is not None
    return History(
        bundle.history_rows[entries].astype(np.int64), bundle.history_weights[entries], bundle.history_times[entries]
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_the_graph_makes_the_stored_vectors_of_the_stored_histories(family: str, csv: Path, tmp_path: Path) -> None:
    options = ["train", "--model", family, "--data", str(csv), "--out", str(tmp_path / "bundle"), "--quick"]
    done = CliRunner().invoke(build_app([register]), options)
    assert done.exit_code == 0, done.output
    assert "no timestamps" not in done.output
    bundle = recstream.load_bundle(tmp_path / "bundle")
    assert bundle.manifest.family == family
    assert isinstance(bundle.encoder, OnnxEncoder)
    assert bundle.onnx is not None
    # What was rated badly is in the history with weight 0, and has no influence.
    assert (bundle.history_weights == 0).any()
    runner = OnnxRunner(bundle.onnx, bundle.encoder, item_count=ITEMS)
    histories = [select_history(bundle.encoder, history_of(bundle, user)) for user in range(USERS)]
    np.testing.assert_allclose(runner.encode(histories), bundle.user_vectors, rtol=1e-3, atol=1e-4)


def test_without_timestamps_the_order_of_the_file_counts_and_the_command_says_so(csv: Path, tmp_path: Path) -> None:
    untimed = tmp_path / "untimed.csv"
    untimed.write_text("\n".join(line.rsplit(",", 1)[0] for line in csv.read_text().splitlines()) + "\n")
    options = ["train", "--data", str(untimed), "--quick", "--set", "training.max_epochs=1"]
    told = CliRunner().invoke(build_app([register]), [*options, "--model", "sasrec", "--out", str(tmp_path / "a")])
    assert told.exit_code == 0, told.output
    assert "untimed has no timestamps: the order of its rows is taken for that of time" in told.output
    silent = CliRunner().invoke(build_app([register]), [*options, "--model", "mult_vae", "--out", str(tmp_path / "b")])
    assert silent.exit_code == 0, silent.output
    assert "no timestamps" not in silent.output
