"""Nothing but the files of the manifest, as regular files, is read."""

import gc
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from recstream.bundle import load_bundle
from recstream.errors import BundleError

Refusal = Callable[[Path], BundleError]


@pytest.mark.parametrize("name", ["item_vectors.npy", "manifest.json", "evaluation.json"])
def test_a_symbolic_link_is_refused(bundle_folder: Path, tmp_path: Path, name: str, refusal: Refusal) -> None:
    (bundle_folder / name).rename(tmp_path / name)
    (bundle_folder / name).symlink_to(tmp_path / name)
    error = refusal(bundle_folder)
    assert error.file == name
    assert "symbolic link" in str(error)


def test_the_path_of_the_folder_may_be_a_link(bundle_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "current").symlink_to(bundle_folder)
    assert load_bundle(tmp_path / "current").manifest.name == "tiny"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir], ids=["fifo", "folder"])
def test_what_is_no_file_is_refused(bundle_folder: Path, make: Callable[[Path], None], refusal: Refusal) -> None:
    (bundle_folder / "user_vectors.npy").unlink()
    make(bundle_folder / "user_vectors.npy")
    assert refusal(bundle_folder).file == "user_vectors.npy"


@pytest.mark.parametrize("name", ["model.pkl", ".hidden", "Item_vectors.npy", "\udcff"])
def test_a_file_that_the_manifest_does_not_name_is_refused(bundle_folder: Path, name: str, refusal: Refusal) -> None:
    (bundle_folder / name).write_bytes(b"x")
    error = refusal(bundle_folder)
    assert error.file == name.encode(errors="backslashreplace").decode()
    str(error).encode()


@pytest.mark.parametrize("where", ["nowhere", "file"])
def test_what_is_no_folder_is_refused(tmp_path: Path, where: str, refusal: Refusal) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert str(tmp_path / where) in str(refusal(tmp_path / where))


def test_arrays_outlive_the_folder(bundle_folder: Path) -> None:
    bundle = load_bundle(bundle_folder)
    before = bundle.item_vectors.copy()
    for path in bundle_folder.iterdir():
        path.unlink()
    np.testing.assert_array_equal(bundle.item_vectors, before)
    with pytest.raises(ValueError, match="read-only"):
        bundle.item_vectors[0, 0] = 1


def count_descriptors() -> int:
    gc.collect()  # pytest's records of exceptions are cycles
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_no_descriptor_is_left_open(pristine: Path, bundle_folder: Path, refusal: Refusal) -> None:
    (bundle_folder / "history.rows.npy").unlink()
    before = count_descriptors()
    bundle = load_bundle(pristine)
    refusal(bundle_folder)
    # A mapping keeps a descriptor of its own.
    assert count_descriptors() - before <= len(bundle.manifest.files)
    del bundle
    assert count_descriptors() == before
