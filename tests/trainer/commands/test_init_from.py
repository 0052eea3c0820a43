"""`recstream train --init-from` and `recstream transfer`, from files to bundles and reports."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from recstream_trainer.cli import register
from typer.testing import CliRunner

import recstream
from recstream.cli import build_app
from recstream.errors import ConfigurationError, DataError

USERS, ITEMS = 60, 24
BY_CONTENT = ("--set", "model.id_dropout=0.6")
"""For what is to be carried over to other ids."""


def shop(folder: Path, name: str, *, seed: int, prefix: str, items: int = ITEMS) -> Path:
    """People who buy what is warm, and people who buy what is hard; the words say which is which."""
    rng = np.random.default_rng(seed)
    lines = ["user,item"]
    for user in range(USERS):
        lines += [f"{prefix}u{user},{prefix}{2 * item + user % 2}" for item in rng.permutation(items // 2)[:8]]
    described = ["item,title,price,tags"]
    for item in range(items):
        kind = ("warm green tea", "hard steel hammer")[item % 2]
        described.append(f"{prefix}{item},{kind},{item}.5,{('drink', 'work')[item % 2]}")
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")
    (folder / f"{name}-items.csv").write_text("\n".join(described) + "\n")
    return folder / f"{name}.csv"


def recstream_command(*options: str) -> str:
    done = CliRunner().invoke(build_app([register]), options)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    assert done.exit_code == 0, done.output
    return done.output


def train(model: str, data: Path, out: Path, *more: str) -> str:
    items = str(data.with_name(f"{data.stem}-items.csv"))
    given = ["--model", model, "--data", str(data), "--items", items, "--out", str(out), "--quick", *more]
    return recstream_command("train", *given)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data")


@pytest.fixture(scope="module")
def large(folder: Path) -> Path:
    return shop(folder, "large", seed=1, prefix="a")


@pytest.fixture(scope="module")
def grown(folder: Path, large: Path) -> Path:
    """The same shop, a week and two items later."""
    later = shop(folder, "grown", seed=1, prefix="a", items=ITEMS + 2)
    later.write_text(large.read_text() + f"au0,a{ITEMS}\nau2,a{ITEMS}\nau1,a{ITEMS + 1}\nau3,a{ITEMS + 1}\n")
    return later


@pytest.fixture(scope="module")
def small(folder: Path) -> Path:
    return shop(folder, "small", seed=2, prefix="b")


@pytest.fixture(scope="module")
def tower(folder: Path, large: Path) -> Path:
    train("two_tower", large, folder / "tower", *BY_CONTENT)
    return folder / "tower"


@pytest.mark.parametrize("model", ["two_tower", "als", "bpr", "gru4rec", "ncf"])
def test_the_same_shop_is_trained_on_from_the_bundle_of_last_week(
    model: str, large: Path, grown: Path, tmp_path: Path
) -> None:
    rate = [] if model in ("als", "bpr") else ["--set", "model.learning_rate=0.02"]
    rate += ["--set", "model.batch_positions=16"] if model == "gru4rec" else []
    train(model, large, tmp_path / "first", *rate)
    told = train(model, grown, tmp_path / "second", "--init-from", str(tmp_path / "first"), *rate)
    assert f"knows {ITEMS} of {ITEMS + 2} items, {USERS} of {USERS} users" in told
    bundle = recstream.load_bundle(tmp_path / "second")
    first = recstream.load_bundle(tmp_path / "first")
    assert bundle.manifest.item_count == ITEMS + 2
    assert bundle.manifest.training.config["resolved"]["begins_from"] == first.manifest.version
    records = json.loads((tmp_path / "second" / "training.json").read_text())
    earlier = json.loads((tmp_path / "first" / "training.json").read_text())
    assert records["epochs"][0]["loss"] < earlier["epochs"][0]["loss"]


def test_another_shop_is_served_by_what_words_meant_in_the_first(tower: Path, small: Path, tmp_path: Path) -> None:
    once = ("--init-from", str(tower), "--foreign-ids", "--set", "training.max_epochs=1")
    assert "no id in common" in train("two_tower", small, tmp_path / "bundle", *once)
    bundle = recstream.load_bundle(tmp_path / "bundle")
    scores = bundle.user_vectors @ bundle.item_vectors.T
    own = np.array([int(text[2:]) % 2 for text in bundle.user_ids.to_list()])
    kinds = np.array([int(text[1:]) % 2 for text in bundle.item_ids.to_list()])
    for kind in (0, 1):
        assert scores[own == kind][:, kinds == kind].min() > scores[own == kind][:, kinds != kind].max()


def test_transfer_compares_both_beginnings_and_keeps_what_is_done(tower: Path, small: Path, tmp_path: Path) -> None:
    given = ["--init-from", str(tower), "--data", str(small), "--items", str(small.with_name("small-items.csv"))]
    more = ["--shares", "0.1,0.2", "--seeds", "1", "--quick", "--set", "training.max_epochs=2", *BY_CONTENT]
    recstream_command("transfer", *given, *more, "--out", str(tmp_path))
    told = json.loads((tmp_path / "transfer.json").read_text())
    assert [(pair["share"], pair["seed"]) for pair in told["pairs"]] == [(0.1, 1), (0.2, 1)]
    for pair in told["pairs"]:
        low, high = pair["intervals"]["gain"]
        assert pair["gain"] == pytest.approx(pair["tuned"]["ndcg@10"] - pair["scratch"]["ndcg@10"])
        assert low <= pair["gain"] <= high
        assert pair["tuned"]["protocol"] == "F"
    # So few people cannot show that the bundle helps, only that it does no harm: docs/quality.md has the proof.
    assert told["pairs"][0]["intervals"]["gain"][1] > 0
    assert "| 10% | 1 |" in (tmp_path / "transfer.md").read_text()
    again = recstream_command("transfer", *given, *more, "--out", str(tmp_path))
    assert again.count("done before") == 4


def test_both_beginnings_are_judged_by_the_whole_ranking_unless_told_otherwise(
    folder: Path, small: Path, tmp_path: Path
) -> None:
    tiny = [f"model.{name}=8" for name in ("dimension", "hidden", "text_dimension", "uniform_negatives")]
    sets = [part for assignment in tiny for part in ("--set", assignment)]
    large = folder / "large.csv"
    train("two_tower", large, tmp_path / "tiny", *sets)
    given = ["--init-from", str(tmp_path / "tiny"), "--data", str(small), "--shares", "0.1", "--seeds", "1", *sets]
    given += ["--items", str(small.with_name("small-items.csv")), "--set", "training.max_epochs=3"]
    recstream_command("transfer", *given, "--out", str(tmp_path / "usual"))
    recstream_command("transfer", *given, "--set", "training.metric=map@10", "--out", str(tmp_path / "other"))
    for out, metric in (("usual", "auc"), ("other", "map@10")):
        for beginning in ("anew", "tuned"):
            kept = json.loads((tmp_path / out / f"0.1-1-{beginning}.json").read_text())
            training = kept["identity"]["settings"]["training"]
            assert (training["metric"], training["patience"], training["max_epochs"]) == (metric, 50, 3)


def test_a_bundle_of_protocol_f_is_judged_again_on_its_own_share(tower: Path, small: Path, tmp_path: Path) -> None:
    train("two_tower", small, tmp_path / "f", "--init-from", str(tower), "--protocol", "F", "--set", "data.share=0.1")
    written = json.loads((tmp_path / "f" / "evaluation.json").read_text())
    items = str(small.with_name("small-items.csv"))
    options = ["--bundle", str(tmp_path / "f"), "--data", str(small), "--items", items, "--protocol", "F"]
    recstream_command("evaluate", *options, "--json", str(tmp_path / "again.json"))
    again = json.loads((tmp_path / "again.json").read_text())
    assert again["ndcg@10"] == pytest.approx(written["ndcg@10"], abs=1e-6)
    assert again["users"] == written["users"]


def test_a_test_that_the_bundle_has_seen_is_refused(tower: Path, large: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"its histories hold \d+ of the \d+ test interactions.* --protocol C and the"):
        train("two_tower", large, tmp_path / "bundle", "--init-from", str(tower), "--protocol", "C")


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        ("popular", [], "popular always begins anew; docs/training.md says which"),
        ("als", [], "holds a model of the family two_tower, .* give --model two_tower"),
        ("als", ["--foreign-ids"], "--foreign-ids: all that als takes over is what belongs to ids; take two_tower"),
        ("two_tower", [], "knows none of the 24 items of the data, 'b[0-9]+' for one; .* give --foreign-ids"),
        ("two_tower", ["--foreign-ids", "--set", "model.dimension=8"], "give --set model.dimension=32"),
    ],
)
def test_what_cannot_be_gone_on_from_is_refused(  # noqa: PLR0917 - three of them are fixtures
    model: str, options: list[str], message: str, tower: Path, small: Path, tmp_path: Path
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        train(model, small, tmp_path / "bundle", "--init-from", str(tower), *options)
    assert not (tmp_path / "bundle").exists()


def test_a_bundle_without_weights_is_refused(tower: Path, small: Path, tmp_path: Path) -> None:
    from recstream.bundle import load_bundle  # noqa: PLC0415
    from recstream.bundle.manifest import manifest_to_bytes  # noqa: PLC0415

    old = tmp_path / "old"
    shutil.copytree(tower, old)
    (old / "weights.npz").unlink()
    manifest = load_bundle(tower).manifest
    files = {name: entry for name, entry in manifest.files.items() if name != "weights.npz"}
    (old / "manifest.json").write_bytes(manifest_to_bytes(type(manifest)(**{**vars(manifest), "files": files})))
    with pytest.raises(ConfigurationError, match=r"has no weights\.npz, .* older version.* train it again"):
        train("two_tower", small, tmp_path / "bundle", "--init-from", str(old), "--foreign-ids")
