"""`recstream train --quick` with the families that know what items are, from files to a bundle that a server takes."""

from pathlib import Path

import numpy as np
import pytest
from recstream_trainer.cli import register
from typer.testing import CliRunner

import recstream
from recstream.bundle import DecayedPooling
from recstream.bundle.engine import build_encoder
from recstream.cli import build_app
from recstream.errors import DataError

FAMILIES = ["tfidf", "word2vec", "item2vec", "two_tower"]
USERS, ITEMS = 40, 30


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """People who buy tea, and people who buy tools."""
    rng = np.random.default_rng(3)
    lines = ["user,item"]
    for user in range(USERS):
        lines += [f"u{user},i{2 * item + user % 2}" for item in rng.permutation(ITEMS // 2)[:8]]
    items = ["item,title,brand,price,tags"]
    for item in range(ITEMS):
        kind = ("green tea", "steel hammer")[item % 2]
        items.append(f"i{item},{kind} no {item},Brand {item % 4},{item}.5,{'drink|warm' if item % 2 == 0 else 'work'}")
    folder = tmp_path_factory.mktemp("data")
    for name, text in (("shop.csv", lines), ("items.csv", items)):
        (folder / name).write_text("\n".join(text) + "\n")
    return folder / "shop.csv", folder / "items.csv"


def run(family: str, data: Path, out: Path, *more: str) -> int:
    options = ["train", "--model", family, "--data", str(data), "--out", str(out), "--quick", *more]
    done = CliRunner().invoke(build_app([register]), options)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return done.exit_code


@pytest.mark.parametrize("family", FAMILIES)
def test_any_file_with_items_becomes_a_bundle(family: str, shop: tuple[Path, Path], tmp_path: Path) -> None:
    data, items = shop
    assert run(family, data, tmp_path / "bundle", "--items", str(items)) == 0
    bundle = recstream.load_bundle(tmp_path / "bundle")
    assert bundle.manifest.family == family
    if isinstance(bundle.encoder, DecayedPooling):
        encoder = build_encoder(bundle)
        entries = slice(0, bundle.history_indptr[1])
        vector = encoder.encode(bundle.history_rows[entries].astype(np.int64), bundle.history_weights[entries])
        np.testing.assert_allclose(vector, bundle.user_vectors[0], atol=1e-5)


def test_under_e_new_items_go_to_those_who_like_their_kind(shop: tuple[Path, Path], tmp_path: Path) -> None:
    data, items = shop
    assert run("tfidf", data, tmp_path / "bundle", "--items", str(items), "--protocol", "E") == 0
    assert_new_items_go_to_those_who_like_their_kind(recstream.load_bundle(tmp_path / "bundle"))


def test_under_e_new_items_go_by_their_images_alone(shop: tuple[Path, Path], tmp_path: Path) -> None:
    items = tmp_path / "items.csv"
    rng = np.random.default_rng(4)
    vectors = [[1 - 2 * (item % 2), *rng.normal(0, 0.1, 2)] for item in range(ITEMS)]
    rows = [f"i{item},{' '.join(f'{number:.3f}' for number in vector)}" for item, vector in enumerate(vectors)]
    items.write_text("\n".join(["item,image_vector", *rows]) + "\n")
    more = (
        "--items",
        str(items),
        "--protocol",
        "E",
        "--set",
        "model.learning_rate=0.02",
        "--set",
        "model.id_dropout=1",
    )
    assert run("two_tower", shop[0], tmp_path / "bundle", *more) == 0
    bundle = recstream.load_bundle(tmp_path / "bundle")
    assert not bundle.items.columns
    assert_new_items_go_to_those_who_like_their_kind(bundle)


def assert_new_items_go_to_those_who_like_their_kind(bundle: recstream.Bundle) -> None:
    assert bundle.manifest.training.protocol == "E"
    new = bundle.item_popularity == 0
    assert new.sum() == ITEMS // 10 * 2
    kinds, likes = (
        np.array([int(text[1:]) % 2 for text in ids.to_list()]) for ids in (bundle.item_ids, bundle.user_ids)
    )
    scores = bundle.user_vectors @ bundle.item_vectors.T
    for own in (0, 1):
        liking = scores[likes == own][:, new]
        assert liking[:, kinds[new] == own].min() > liking[:, kinds[new] != own].max()


def test_without_a_table_of_items_it_says_what_is_missing(shop: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"--model tfidf: .* nothing but their ids is known; give .* --items"):
        run("tfidf", shop[0], tmp_path / "bundle")
