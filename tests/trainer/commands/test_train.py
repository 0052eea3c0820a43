"""`recstream train` as a person runs it: a real process, real files."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from numpy.typing import NDArray
from recstream_trainer.cli import register
from typer.testing import CliRunner

import recstream
from recstream.bundle import AlsFoldIn, Bundle, Constant
from recstream.bundle.engine import build_encoder
from recstream.cli import build_app
from recstream.errors import RecstreamError

RECSTREAM = Path(sys.executable).with_name("recstream")
USERS, ITEMS = 60, 30


@pytest.fixture(scope="module")
def csv(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two halves of users who like two halves of the items (4 or 5), and try some of the others (1)."""
    rng = np.random.default_rng(5)
    lines = ["customer,sku,stars,ts"]
    for user in range(USERS):
        for place, item in enumerate(rng.permutation(ITEMS)[:15]):
            liked = (item < ITEMS // 2) == (user < USERS // 2)
            stars = rng.integers(4, 6) if liked else 1
            lines.append(f"c{user},s{item},{stars},{1_700_000_000 + 60 * place + user}")
    path = tmp_path_factory.mktemp("data") / "shop.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def options(csv: Path, out: Path, *more: str) -> list[str]:
    columns = "user=customer,item=sku,rating=stars,timestamp=ts"
    family = [] if "--model" in more else ["--model", "als", "--set", "model.dimension=8"]
    return ["train", "--data", str(csv), "--out", str(out), "--columns", columns, *family, *more]


def run(csv: Path, out: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Train in a process of its own."""
    command = [str(RECSTREAM), *options(csv, out, *more)]
    return subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)


def train(csv: Path, out: Path, *more: str) -> Result:
    """Train in this process, which has torch loaded."""
    return CliRunner().invoke(build_app([register]), options(csv, out, *more))


@pytest.fixture(scope="module")
def bundle(csv: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    out = tmp_path_factory.mktemp("als") / "bundle"
    done = run(csv, out)
    assert done.returncode == 0, done.stderr
    what = r"als on \w+: 60 users, 30 items, \d+ preferences \(ratings from 3, half the weight after 20 later ones\); "
    assert re.search(what + r"about \d+ MB of [\d,]+ MB free; at most 30 epochs", done.stdout)
    assert re.search(
        r"an epoch takes about \d+ s: \d+ s for 60 at most, .*; [01]\.\d GiB of memory so far", done.stdout
    )
    assert "choosing: epoch 1/" in done.stdout
    assert "final fit: stopped" in done.stdout
    return recstream.load_bundle(out)


def history_of(bundle: Bundle, user: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    entries = slice(bundle.history_indptr[user], bundle.history_indptr[user + 1])
    return bundle.history_rows[entries], bundle.history_weights[entries]


def test_the_bundle_says_what_it_is(bundle: Bundle) -> None:
    manifest = bundle.manifest
    assert (manifest.name, manifest.family, manifest.dimension) == ("shop-als", "als", 8)
    assert (manifest.user_count, manifest.item_count, manifest.data.interactions) == (USERS, ITEMS, 15 * USERS)
    assert (manifest.training.seed, manifest.training.protocol) == (1, None)
    resolved = manifest.training.config["resolved"]
    assert isinstance(resolved, dict)
    assert (resolved["positive_from"], resolved["half_life"]) == (3, 20)
    assert set(manifest.metrics) == {"validation_ndcg@10"}
    assert {"training.json", "training-curves.png"} <= set(manifest.files)


def test_the_history_is_everything_and_what_was_disliked_weighs_nothing(bundle: Bundle, csv: Path) -> None:
    rows = [line.split(",") for line in csv.read_text().splitlines()[1:]]
    user_ids, item_ids = bundle.user_ids.to_list(), bundle.item_ids.to_list()
    for user in (0, 59):
        expected = [(item, float(stars) >= 3) for name, item, stars, _ in rows if name == user_ids[user]]
        items, weights = history_of(bundle, user)
        assert [(item_ids[row], weight > 0) for row, weight in zip(items, weights, strict=True)] == expected


def test_people_are_recommended_what_their_half_likes(bundle: Bundle) -> None:
    item_ids, user_ids = bundle.item_ids.to_list(), bundle.user_ids.to_list()
    low_items = np.array([int(name[1:]) < ITEMS // 2 for name in item_ids])
    scores = bundle.user_vectors @ bundle.item_vectors.T
    for user, name in enumerate(user_ids):
        scores[user, history_of(bundle, user)[0]] = -np.inf
        best = np.argsort(-scores[user])[:3]
        assert (low_items[best] == (int(name[1:]) < USERS // 2)).all()


def test_the_native_encoder_gives_the_vectors_of_the_trainer(bundle: Bundle) -> None:
    assert isinstance(bundle.encoder, AlsFoldIn)
    encoder = build_encoder(bundle)
    for user in range(USERS):
        rows, weights = history_of(bundle, user)
        vector = encoder.encode(rows.astype(np.int64), np.ascontiguousarray(weights))
        assert vector is not None
        np.testing.assert_allclose(vector, bundle.user_vectors[user], rtol=1e-3, atol=1e-5)


def test_the_same_seed_makes_the_same_bundle(bundle: Bundle, csv: Path, tmp_path: Path) -> None:
    assert train(csv, tmp_path / "again").exit_code == 0
    assert train(csv, tmp_path / "other", "--seed", "2").exit_code == 0
    assert recstream.load_bundle(tmp_path / "again").manifest.version == bundle.manifest.version
    assert recstream.load_bundle(tmp_path / "other").manifest.version != bundle.manifest.version


def test_a_protocol_is_reported_on(csv: Path, tmp_path: Path) -> None:
    done = run(csv, tmp_path / "bundle", "--protocol", "C", "--name", "judged")
    assert done.returncode == 0, done.stderr
    bundle = recstream.load_bundle(tmp_path / "bundle")
    report = json.loads((tmp_path / "bundle" / "evaluation.json").read_text())
    assert (report["protocol"], report["seed"], report["final_fit"]) == ("C", 1, "train")
    assert report["recall@10"] == pytest.approx(bundle.manifest.metrics["recall@10"])
    assert report["ndcg@10"] > 0.3
    assert report["command"].startswith("recstream train --data")
    assert "evaluation-curves.png" in (tmp_path / "bundle" / "evaluation.md").read_text()
    assert bundle.manifest.name == "judged"
    assert (bundle.history_weights > 0).all()


def test_popularity_is_a_family_too(csv: Path, tmp_path: Path) -> None:
    done = train(csv, tmp_path / "bundle", "--model", "popular", "--protocol", "A")
    assert done.exit_code == 0, done.output
    bundle = recstream.load_bundle(tmp_path / "bundle")
    assert bundle.encoder == Constant((1.0,))
    assert json.loads((tmp_path / "bundle" / "evaluation.json").read_text())["final_fit"] == "train+validation"
    np.testing.assert_array_equal(bundle.item_vectors[:, 0], bundle.item_popularity)


def interrupt(command: Sequence[str | Path], after: str) -> subprocess.CompletedProcess[str]:
    """Run a command and press Ctrl-C when a line has this in it."""
    process = subprocess.Popen(
        [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if after in line:
            process.send_signal(signal.SIGINT)
            break
    rest, errors = process.communicate(timeout=110)
    return subprocess.CompletedProcess(command, process.returncode, "".join(lines) + rest, errors)


def test_ctrl_c_leaves_a_bundle_and_a_checkpoint_to_go_on_from(csv: Path, tmp_path: Path) -> None:
    # So many epochs that they cannot be over before the signal comes, and a learning too slow to be through with.
    endless = ["--set", "training.max_epochs=100000", "--set", "training.patience=100000"]
    out = tmp_path / "bundle"
    command = [RECSTREAM, *options(csv, out, *endless)]
    done = interrupt(command, "choosing: epoch")
    assert done.returncode == 130, done.stderr
    assert "holds the best model so far" in done.stdout
    assert "Traceback" not in done.stderr
    first = recstream.load_bundle(out)
    assert json.loads((out / "training.json").read_text())["stopped_by"] == "interruption"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bundle", "bundle.checkpoint.npz"]

    again = interrupt([*command, "--resume"], "choosing: epoch")
    assert again.returncode == 130, again.stderr
    second = json.loads((out / "training.json").read_text())
    assert [record["epoch"] for record in second["epochs"]] == list(range(1, len(second["epochs"]) + 1))
    assert recstream.load_bundle(out).manifest.data == first.manifest.data


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "alss"], r"no model family 'alss' \(did you mean 'als'\?\)"),
        (["--set", "model.dimensions=8"], r"unknown key 'model\.dimensions' \(did you mean 'model\.dimension'\?\)"),
        (["--protocol", "X"], "protocol 'X' is not one of A, C"),
        (["--protocol", "C", "--set", "data.min_rating=4"], r"data\.min_rating: the protocol says what is positive"),
        (["--device", "abacus"], "--device abacus: must be auto, cpu or cuda"),
        (["--name", "No Name"], "--name 'No Name': must be 1 to 64"),
        (["--resume"], "there is no checkpoint"),
        (["--config", "none.toml"], "config file none.toml: cannot be read"),
    ],
)
def test_a_bad_option_is_refused_before_anything_is_done(
    csv: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    done = train(csv, tmp_path / "bundle", *arguments)
    assert isinstance(done.exception, RecstreamError)
    assert re.search(message, str(done.exception))
    assert not list(tmp_path.iterdir())


def test_an_error_is_one_line_and_exit_code_1(csv: Path, tmp_path: Path) -> None:
    done = run(csv, tmp_path / "bundle", "--model", "alss")
    assert (done.returncode, done.stdout) == (1, "")
    assert re.fullmatch(
        r"error: there is no model family 'alss' \(did you mean 'als'\?\); known: als, .*\n", done.stderr
    )


def test_what_is_there_is_not_replaced_unless_told(csv: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "letter.txt").write_text("dear")
    assert "exists" in str(train(csv, mine).exception)
    assert "is not a bundle" in str(train(csv, mine, "--overwrite").exception)
    assert (mine / "letter.txt").read_text() == "dear"
    out = tmp_path / "deep" / "bundle"
    assert train(csv, out, "--quick").exit_code == 0
    first = recstream.load_bundle(out).manifest
    assert "replace a bundle with --overwrite" in str(train(csv, out).exception)
    assert train(csv, out, "--overwrite").exit_code == 0
    assert recstream.load_bundle(out).manifest.version != first.version


@pytest.mark.parametrize("family", ["biased_mf", "user_knn"])
def test_ratings_are_cross_validated(csv: Path, tmp_path: Path, family: str) -> None:
    done = train(csv, tmp_path / "bundle", "--model", family, "--protocol", "B", "--quick")
    assert done.exit_code == 0, done.output
    assert "fold 5/5: RMSE" in done.output
    bundle = recstream.load_bundle(tmp_path / "bundle")
    report = json.loads((tmp_path / "bundle" / "evaluation.json").read_text())
    assert (report["protocol"], len(report["folds"]), bundle.manifest.training.protocol) == ("B", 5, "B")
    assert report["rmse"] == pytest.approx(bundle.manifest.metrics["rmse"])
    assert 0 < report["mae"] < report["rmse"] < 2
    assert len(bundle.history_rows) == 15 * USERS


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--protocol", "B"], "als does not predict ratings; biased_mf, svdpp, item_knn and user_knn do"),
        (["--model", "biased_mf", "--protocol", "C"], "biased_mf predicts ratings; judge it by --protocol B"),
    ],
)
def test_ratings_and_preferences_are_not_mixed(csv: Path, tmp_path: Path, arguments: list[str], message: str) -> None:
    done = train(csv, tmp_path / "bundle", *arguments)
    assert isinstance(done.exception, RecstreamError)
    assert message in str(done.exception)
