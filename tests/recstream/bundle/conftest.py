"""Bundles to read and to damage, and how a test asks for a refusal."""

import hashlib
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from recstream.bundle import AlsFoldIn, BundleContent, DataRecord, FileEntry, TrainingRecord, load_bundle, write_bundle
from recstream.bundle.manifest import seal, version_of
from recstream.errors import BundleError

MakeContent = Callable[..., BundleContent]
Reseal = Callable[..., None]


def _content(**changes: Any) -> BundleContent:
    random = np.random.default_rng(3)
    items, users, dimension = 20, 7, 4
    history = (
        np.arange(users + 1, dtype=np.int64) * 3,
        random.integers(0, items, users * 3).astype(np.int32),
        np.ones(users * 3, dtype=np.float32),
    )
    parts: dict[str, Any] = {
        "name": "tiny",
        "family": "als",
        "item_ids": [f"item-{row}-é" for row in range(items)],
        "item_vectors": random.normal(size=(items, dimension)).astype(np.float32),
        "item_popularity": random.random(items).astype(np.float32),
        "user_ids": [f"user-{row}" for row in range(users)],
        "user_vectors": random.normal(size=(users, dimension)).astype(np.float32),
        "history": history,
        "encoder": AlsFoldIn(unobserved_weight=0.1, regularization=0.01, regularization_exponent=1.0),
        "items": pl.DataFrame(
            {
                "title": [f"A title of some length {row}" for row in range(items)],
                "genres": [["drama", "war"][: row % 3] for row in range(items)],
                "year": [1900 + row for row in range(items)],
            }
        ),
        "metrics": {"ndcg@10": 0.25},
        "training": TrainingRecord(seed=1, protocol=None, config={}),
        "data": DataRecord(name="made up", interactions=21, fingerprint="0" * 64),
        "extra_files": {"evaluation.json": b"{}\n"},
    }
    return BundleContent(**(parts | changes))


@pytest.fixture(scope="session")
def make_content() -> MakeContent:
    """The content of a small bundle, with parts replaced by name."""
    return _content


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole bundle; copy it before damaging it."""
    folder = tmp_path_factory.mktemp("pristine") / "tiny"
    write_bundle(folder, _content())
    return folder


@pytest.fixture
def bundle_folder(pristine: Path, tmp_path: Path) -> Path:
    """A copy of a whole bundle, to damage."""
    return Path(shutil.copytree(pristine, tmp_path / "tiny"))


def _reseal(folder: Path, change: Callable[[dict[str, Any]], object] = lambda _: None) -> None:
    value = json.loads((folder / "manifest.json").read_bytes())
    del value["manifest_sha256"]
    for name in value["files"]:
        if (folder / name).is_file():
            data = (folder / name).read_bytes()
            value["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    value["version"] = version_of({name: FileEntry(**entry) for name, entry in value["files"].items()})
    change(value)
    (folder / "manifest.json").write_bytes(seal(value))


@pytest.fixture(scope="session")
def reseal() -> Reseal:
    """Make every checksum right again after a change, then apply a change to the manifest itself and seal that."""
    return _reseal


def _refusal(folder: Path) -> BundleError:
    with pytest.raises(BundleError) as caught:
        _ = load_bundle(folder).items
    return caught.value


@pytest.fixture(scope="session")
def refusal() -> Callable[[Path], BundleError]:
    """Load a bundle that must be refused; returns the error."""
    return _refusal
