"""A bundle appears whole or not at all, and says what it was given."""

import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from recstream.bundle import BundleContent, load_bundle, write_bundle
from recstream.errors import BundleError, ConfigurationError

MakeContent = Callable[..., BundleContent]


def test_what_is_written_is_read(tmp_path: Path, make_content: MakeContent) -> None:
    content = make_content()
    manifest = write_bundle(tmp_path / "b", content)
    bundle = load_bundle(tmp_path / "b")
    assert bundle.manifest == manifest
    assert bundle.item_ids.to_list() == content.item_ids
    assert bundle.user_ids.to_list() == content.user_ids
    assert bundle.items.equals(content.items)
    np.testing.assert_array_equal(bundle.item_vectors, content.item_vectors)
    np.testing.assert_array_equal(bundle.user_vectors, content.user_vectors)
    np.testing.assert_array_equal(bundle.item_popularity, content.item_popularity)
    for found, given_ in zip(
        (bundle.history_indptr, bundle.history_rows, bundle.history_weights), content.history, strict=True
    ):
        np.testing.assert_array_equal(found, given_)
    assert (tmp_path / "b" / "evaluation.json").read_bytes() == b"{}\n"


@settings(max_examples=15)
@given(vectors=arrays.arrays(np.float32, st.tuples(st.integers(1, 6), st.integers(1, 5)), elements=st.floats(width=32)))
def test_every_finite_vector_survives_and_no_other(
    tmp_path_factory: pytest.TempPathFactory, make_content: MakeContent, vectors: np.ndarray
) -> None:
    folder = tmp_path_factory.mktemp("b") / "b"
    items = len(vectors)
    content = make_content(
        item_ids=[str(row) for row in range(items)],
        item_vectors=vectors,
        item_popularity=np.zeros(items, np.float32),
        user_ids=[],
        user_vectors=np.zeros((0, vectors.shape[1]), np.float32),
        history=(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)),
        items=pl.DataFrame({"title": ["x"] * items}),
    )
    if np.isfinite(vectors).all():
        write_bundle(folder, content)
        assert load_bundle(folder).item_vectors.tobytes() == vectors.tobytes()
    else:
        with pytest.raises(BundleError, match=r"^item_vectors\.npy: holds .* must be finite"):
            write_bundle(folder, content)
        assert not list(folder.parent.iterdir())


def test_the_same_model_has_the_same_version(tmp_path: Path, make_content: MakeContent) -> None:
    first = write_bundle(tmp_path / "a", make_content())
    later = make_content(
        metrics={"x": 1.0}, extra_files={"report.md": b"# later"}, created_at=datetime(2030, 1, 1, tzinfo=UTC)
    )
    assert write_bundle(tmp_path / "b", later).version == first.version
    other = make_content(item_popularity=np.zeros(20, np.float32))
    assert write_bundle(tmp_path / "c", other).version != first.version


def test_time_is_kept_in_utc(tmp_path: Path, make_content: MakeContent) -> None:
    local = datetime(2026, 1, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    write_bundle(tmp_path / "b", make_content(created_at=local))
    assert load_bundle(tmp_path / "b").manifest.created_at == datetime(2025, 12, 31, 23, 30, tzinfo=UTC)


def test_fortran_order_is_turned(tmp_path: Path, make_content: MakeContent) -> None:
    vectors = np.asfortranarray(make_content().item_vectors)
    write_bundle(tmp_path / "b", make_content(item_vectors=vectors))
    np.testing.assert_array_equal(load_bundle(tmp_path / "b").item_vectors, vectors)


REFUSED = {
    "float64": ("item_vectors.npy", {"item_vectors": np.zeros((20, 4))}),
    "objects": ("item_popularity.npy", {"item_popularity": np.array([None] * 20)}),
    "one axis": ("manifest.json", {"item_vectors": np.zeros(20, np.float32)}),
    "too few vectors": ("item_vectors.npy", {"item_vectors": np.zeros((19, 4), np.float32)}),
    "id twice": ("user_ids.utf8.npy", {"user_ids": ["a"] * 7}),
    "empty id": ("user_ids.offsets.npy", {"user_ids": ["a", "", "b", "c", "d", "e", "f"]}),
    "name": ("manifest.json", {"name": "Tiny Model"}),
    "metric": ("manifest.json", {"metrics": {"ndcg@10": float("nan")}}),
    "rows of attributes": ("items.arrow", {"items": pl.DataFrame({"title": ["x"]})}),
    "NaN attribute": ("items.arrow", {"items": pl.DataFrame({"x": [float("nan")] * 20})}),
    "name of a model file": ("item_vectors.npy", {"extra_files": {"item_vectors.npy": b""}}),
    "path": ("../evil", {"extra_files": {"../evil": b""}}),
    "capitals": ("manifest.json", {"extra_files": {"README": b""}}),
    "manifest": ("manifest.json", {"extra_files": {"manifest.json": b""}}),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_read_is_not_written(tmp_path: Path, make_content: MakeContent, case: str) -> None:
    file, changes = REFUSED[case]
    with pytest.raises(BundleError) as caught:
        write_bundle(tmp_path / "b", make_content(**changes))
    assert caught.value.file == file
    assert not list(tmp_path.iterdir())


def test_a_bundle_is_replaced_only_when_asked(tmp_path: Path, make_content: MakeContent) -> None:
    write_bundle(tmp_path / "b", make_content(name="one"))
    with pytest.raises(ConfigurationError, match="exists; remove it, or choose another folder"):
        write_bundle(tmp_path / "b", make_content(name="two"))
    assert load_bundle(tmp_path / "b").manifest.name == "one"
    write_bundle(tmp_path / "b", make_content(name="two"), overwrite=True)
    assert load_bundle(tmp_path / "b").manifest.name == "two"
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_refused_replacement_leaves_the_old_one(tmp_path: Path, make_content: MakeContent) -> None:
    write_bundle(tmp_path / "b", make_content(name="one"))
    with pytest.raises(BundleError):
        write_bundle(tmp_path / "b", make_content(name="NO"), overwrite=True)
    assert load_bundle(tmp_path / "b").manifest.name == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["b"]


def test_a_reader_of_the_old_bundle_is_not_disturbed(tmp_path: Path, make_content: MakeContent) -> None:
    write_bundle(tmp_path / "b", make_content())
    old = load_bundle(tmp_path / "b")
    write_bundle(tmp_path / "b", make_content(item_vectors=np.zeros((20, 4), np.float32)), overwrite=True)
    np.testing.assert_array_equal(old.item_vectors, make_content().item_vectors)


@pytest.mark.parametrize("kind", ["folder", "file", "link"])
def test_what_is_no_bundle_is_never_replaced(tmp_path: Path, make_content: MakeContent, kind: str) -> None:
    target, precious = tmp_path / "b", tmp_path / "precious"
    precious.mkdir()
    (precious / "photo").write_bytes(b"x")
    if kind == "folder":
        precious.rename(target)
    elif kind == "file":
        target.write_bytes(b"x")
    else:
        target.symlink_to(precious)
    with pytest.raises(ConfigurationError, match="is not a bundle, so it is not replaced"):
        write_bundle(target, make_content(), overwrite=True)


def test_the_parent_must_exist(tmp_path: Path, make_content: MakeContent) -> None:
    with pytest.raises(ConfigurationError, match="is not a folder; make it first"):
        write_bundle(tmp_path / "no" / "b", make_content())


def test_others_may_read_it_as_the_umask_says(tmp_path: Path, make_content: MakeContent) -> None:
    write_bundle(tmp_path / "b", make_content())
    usual = tmp_path / "usual"
    usual.mkdir()
    assert (tmp_path / "b").stat().st_mode == usual.stat().st_mode


def test_the_manifest_seal_can_be_checked_with_other_tools(pristine: Path) -> None:
    text = (pristine / "manifest.json").read_text()
    seal = json.loads(text)["manifest_sha256"]
    shell = f"sed 's/{seal}/{'0' * 64}/' manifest.json | sha256sum"
    found = subprocess.run(shell, shell=True, cwd=pristine, capture_output=True, text=True, check=True)
    assert found.stdout.split()[0] == seal


def test_a_failing_disk_leaves_nothing(
    tmp_path: Path, make_content: MakeContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(28, os.strerror(28))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_bundle(tmp_path / "b", make_content())
    assert not list(tmp_path.iterdir())


def test_a_failing_rename_puts_the_old_bundle_back(
    tmp_path: Path, make_content: MakeContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_bundle(tmp_path / "b", make_content(name="one"))
    rename = Path.rename

    def fail_into_place(source: Path, target: Path) -> Path:
        if source.suffix == ".tmp":
            raise OSError(5, os.strerror(5))
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", fail_into_place)
    with pytest.raises(OSError, match="Input/output error"):
        write_bundle(tmp_path / "b", make_content(name="two"), overwrite=True)
    assert load_bundle(tmp_path / "b").manifest.name == "one"
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
