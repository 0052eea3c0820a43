"""Bundles that retrieve by neighbours instead of by vectors."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recstream.bundle import BundleContent, ItemNeighbours, UserNeighbours, load_bundle, write_bundle
from recstream.bundle.engine import build_engine
from recstream.errors import BundleError

MakeContent = Callable[..., BundleContent]
ITEMS = 20


def neighbours(rows: int = ITEMS) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Row r speaks for the items r + 1 and r + 2."""
    columns = (np.arange(rows)[:, None] + [1, 2]) % ITEMS
    weights = np.tile(np.array([1.0, 0.5], np.float32), rows)
    return np.arange(0, 2 * rows + 1, 2), columns.ravel().astype(np.int32), weights


@pytest.fixture
def content(make_content: MakeContent) -> Callable[..., BundleContent]:
    def make(**changes: Any) -> BundleContent:
        parts = {"item_vectors": None, "user_vectors": None, "encoder": ItemNeighbours(), "neighbours": neighbours()}
        return make_content(**(parts | changes))

    return make


def test_items_are_written_read_and_served(tmp_path: Path, content: MakeContent) -> None:
    manifest = write_bundle(tmp_path / "b", content())
    bundle = load_bundle(tmp_path / "b")
    assert (manifest.retrieval, manifest.dimension, bundle.encoder) == ("neighbours", 0, ItemNeighbours())
    assert bundle.item_vectors.shape == (ITEMS, 0)
    assert bundle.neighbours is not None
    for found, given in zip(vars(bundle.neighbours).values(), neighbours(), strict=True):
        np.testing.assert_array_equal(found, given)
    engine = build_engine(bundle)
    engine.apply([(1, "new", "", "item-3-é", 1.0, True)])
    assert engine.recommend(user_id="new", k=2).item_ids == ["item-4-é", "item-5-é"]
    assert engine.similar("item-3-é", 2).item_ids == ["item-4-é", "item-5-é"]


def test_users_are_written_read_and_served(tmp_path: Path, content: MakeContent) -> None:
    history = content().history
    profiles = history[0], history[1], np.abs(history[2]) + np.float32(0.1)
    encoder = UserNeighbours(neighbours=3, shrinkage=0.5)
    write_bundle(tmp_path / "b", content(encoder=encoder, neighbours=profiles))
    bundle = load_bundle(tmp_path / "b")
    assert bundle.encoder == encoder
    assert len(build_engine(bundle).recommend(user_id="user-1", k=ITEMS, exclude_seen=False).rows) == ITEMS


def test_another_matrix_is_another_version(tmp_path: Path, content: MakeContent) -> None:
    first = write_bundle(tmp_path / "a", content())
    indptr, rows, weights = neighbours()
    second = write_bundle(tmp_path / "b", content(neighbours=(indptr, rows, weights * 2)))
    assert first.version != second.version


REFUSED = {
    "no vectors and no neighbours": ("manifest.json", {"neighbours": None}),
    "encoder of the other kind": ("encoder.json", {"encoder": UserNeighbours(0, 0.0)}),
    "rows of another count": ("neighbours.indptr.npy", {"neighbours": neighbours(ITEMS - 1)}),
    "rows outside": ("neighbours.rows.npy", {"neighbours": (neighbours()[0], neighbours()[1] + 1, neighbours()[2])}),
    "missing weights": ("neighbours.weights.npy", {"neighbours": (*neighbours()[:2], neighbours()[2][:-1])}),
    "not finite": ("neighbours.weights.npy", {"neighbours": (*neighbours()[:2], neighbours()[2] * np.nan)}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_does_not_fit_is_not_written(tmp_path: Path, content: MakeContent, case: str) -> None:
    file, changes = REFUSED[case]
    with pytest.raises(BundleError) as caught:
        write_bundle(tmp_path / "b", content(**changes))
    assert caught.value.file == file


def test_kinds_are_not_mixed(tmp_path: Path, content: MakeContent, make_content: MakeContent) -> None:
    with pytest.raises(BundleError, match=r"encoder\.json: .* does not use"):
        write_bundle(tmp_path / "b", make_content(encoder=ItemNeighbours()))
    vectors = {"item_vectors.npy": b"x"}
    with pytest.raises(BundleError, match=r'names item_vectors\.npy, which "retrieval" neighbours has no use for'):
        write_bundle(tmp_path / "b", content(extra_files=vectors))
    write_bundle(tmp_path / "b", content())
    assert json.loads((tmp_path / "b" / "encoder.json").read_text()) == {"kind": "item_neighbours"}
