"""Writing a bundle: under a temporary name, checked by the reader, renamed when whole."""

import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from recstream.bundle import manifest as manifests
from recstream.bundle.encoder import Encoder, encoder_to_json
from recstream.bundle.ids import encode_ids
from recstream.bundle.items import check_items
from recstream.bundle.manifest import DataRecord, FileEntry, Manifest, TrainingRecord
from recstream.bundle.reader import load_bundle
from recstream.errors import BundleError, ConfigurationError

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False, kw_only=True)
class BundleContent:
    """What a bundle is made of; docs/bundle-format.md says what each part means.

    Attributes
    ----------
    name, family : str
        Match ``^[a-z0-9][a-z0-9._-]{0,63}$``.
    item_ids : N texts
    item_vectors, user_vectors : float32 (N, d) and (U, d), or None
        None with `neighbours`.
    item_popularity : float32 (N,)
    user_ids : U texts
    history : (int64 (U + 1,), int32 (n,), float32 (n,))
        Row pointers, item rows and weights of each user's history, oldest first.
    encoder : Encoder
    neighbours : (int64 (R + 1,), int32 (n,), float32 (n,)), optional
        Row pointers, item rows and weights of the matrix that replaces vectors; R is N for ItemNeighbours, U for
        UserNeighbours.
    onnx : bytes, optional
        The graph of an OnnxEncoder.
    history_times : int64 (n,), optional
        Unix seconds of each entry of the history, 0 where it is not known.
    items : polars DataFrame of N rows
        A column per attribute: text, integer, float, boolean or list of text; nulls allowed, NaN not.
    metrics : name -> number
        Larger is better.
    extra_files : name -> content
        Reports and the like, flat names: kept with the bundle and checksummed, otherwise left alone. They have no
        influence on the bundle's version.
    created_at : datetime
        With a time zone; now by default.
    """

    name: str
    family: str
    item_ids: Sequence[str]
    item_vectors: NDArray[np.float32] | None = None
    item_popularity: NDArray[np.float32]
    user_ids: Sequence[str]
    user_vectors: NDArray[np.float32] | None = None
    history: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]
    encoder: Encoder
    neighbours: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]] | None = None
    items: "pl.DataFrame"
    metrics: Mapping[str, float]
    training: TrainingRecord
    data: DataRecord
    onnx: bytes | None = None
    history_times: NDArray[np.int64] | None = None
    extra_files: Mapping[str, bytes] = field(default_factory=dict)
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))


def write_bundle(path: str | os.PathLike[str], content: BundleContent, *, overwrite: bool = False) -> Manifest:
    """Write a bundle, whole or not at all.

    The files are written and flushed to the disk in a temporary folder beside `path`, read back and checked as
    `load_bundle` checks them, and only then renamed. With `overwrite` the old bundle is renamed away first: for a
    moment there is no bundle under `path`, never half a one.

    Parameters
    ----------
    path : path
        The bundle's folder; its parent must exist.
    content : BundleContent
    overwrite : bool
        Replace a bundle that is there. A folder that is not a bundle is never replaced.

    Returns
    -------
    Manifest
        As it was written, with the version.

    Raises
    ------
    BundleError
        The content cannot be a bundle; nothing is left behind.
    ConfigurationError
        `path` exists and may not be replaced, or its parent does not exist.
    """
    target = Path(os.path.abspath(path))  # noqa: PTH100 - resolve() would follow a link that the rename should replace
    check_target(target, overwrite=overwrite)
    temporary = target.parent / f".{target.name}.{secrets.token_hex(4)}.tmp"
    temporary.mkdir()
    try:
        _write_files(temporary, content)
        manifest = load_bundle(temporary).manifest
        _move_into_place(temporary, target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return manifest


def check_target(target: Path, *, overwrite: bool) -> None:
    """Say early, before hours of training, what `write_bundle` would say of its `path`.

    Raises
    ------
    ConfigurationError
        `target` exists and may not be replaced, or its parent does not exist.
    """
    if not target.parent.is_dir():
        raise ConfigurationError(f"{target.parent} is not a folder; make it first")
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise ConfigurationError(f"{target} exists; remove it, or choose another folder")
    if target.is_symlink() or not target.is_dir() or not ((target / manifests.FILE).is_file() or _is_empty(target)):
        raise ConfigurationError(f"{target} is not a bundle, so it is not replaced; choose another folder")


def _is_empty(folder: Path) -> bool:
    return next(folder.iterdir(), None) is None


def _write_files(folder: Path, content: BundleContent) -> None:
    item_ids, user_ids = (
        encode_ids("item_ids.utf8.npy", content.item_ids),
        encode_ids("user_ids.utf8.npy", content.user_ids),
    )
    indptr, rows, weights = content.history
    arrays: dict[str, NDArray[Any]] = {
        "item_ids.utf8.npy": item_ids.utf8,
        "item_ids.offsets.npy": item_ids.offsets,
        "item_popularity.npy": content.item_popularity,
        "user_ids.utf8.npy": user_ids.utf8,
        "user_ids.offsets.npy": user_ids.offsets,
        "history.indptr.npy": indptr,
        "history.rows.npy": rows,
        "history.weights.npy": weights,
    }
    arrays |= _retrieved_by(content)
    if content.history_times is not None:
        arrays[manifests.TIMES_FILE] = content.history_times
    files = {name: _write_array(folder, name, array) for name, array in arrays.items()}
    files[manifests.ENCODER_FILE] = _write_bytes(folder, manifests.ENCODER_FILE, _encoder_text(content.encoder))
    files[manifests.ITEMS_FILE] = _write_items(folder, content.items, item_count=len(content.item_ids))
    if content.onnx is not None:
        files[manifests.ONNX_FILE] = _write_bytes(folder, manifests.ONNX_FILE, content.onnx)
    for name, data in content.extra_files.items():
        if name in files or name in (manifests.FILE, *manifests.OPTIONAL_FILES) or "/" in name:
            raise BundleError(name[:100], "cannot be the name of an extra file")
        files[name] = _write_bytes(folder, name, data)
    _write_bytes(folder, manifests.FILE, manifests.manifest_to_bytes(_manifest(content, files)))
    _flush_folder(folder)


def _retrieved_by(content: BundleContent) -> dict[str, NDArray[Any]]:
    """The arrays that items are scored by."""
    if content.neighbours is not None:
        return dict(zip(manifests.NEIGHBOUR_FILES, content.neighbours, strict=True))
    if content.item_vectors is None or content.user_vectors is None:
        raise BundleError(manifests.FILE, "needs item_vectors and user_vectors, or neighbours")
    return dict(zip(manifests.VECTOR_FILES, (content.item_vectors, content.user_vectors), strict=True))


def _write_items(folder: Path, items: "pl.DataFrame", *, item_count: int) -> FileEntry:
    from polars import CompatLevel  # noqa: PLC0415 - a client needs no polars

    check_items(items, item_count=item_count)
    # Uncompressed and without view types: what the most readers of Arrow understand, for as long as possible.
    return _write(
        folder,
        manifests.ITEMS_FILE,
        lambda file: items.write_ipc(file, compression="uncompressed", compat_level=CompatLevel.oldest()),
    )


def _encoder_text(encoder: Encoder) -> bytes:
    return json.dumps(encoder_to_json(encoder), indent=2).encode() + b"\n"


def _manifest(content: BundleContent, files: Mapping[str, FileEntry]) -> Manifest:
    vectors = content.item_vectors
    return Manifest(
        name=content.name,
        version=manifests.version_of(files),
        family=content.family,
        retrieval="dense" if content.neighbours is None else "neighbours",
        created_at=content.created_at,
        item_count=len(content.item_ids),
        user_count=len(content.user_ids),
        dimension=vectors.shape[1] if vectors is not None and vectors.ndim == 2 else 0,
        metrics=content.metrics,
        training=content.training,
        data=content.data,
        files=files,
    )


def _write_array(folder: Path, name: str, array: NDArray[Any]) -> FileEntry:
    def save(file: IO[bytes]) -> None:
        try:
            np.lib.format.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
        except ValueError:
            raise BundleError(name, f"cannot hold an array of {array.dtype}") from None

    return _write(folder, name, save)


def _write_bytes(folder: Path, name: str, data: bytes) -> FileEntry:
    return _write(folder, name, lambda file: file.write(data))


def _write(folder: Path, name: str, fill: Callable[[IO[bytes]], object]) -> FileEntry:
    with (folder / name).open("x+b") as file:
        fill(file)
        file.flush()
        os.fsync(file.fileno())
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileEntry(file.tell(), digest)


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _move_into_place(temporary: Path, target: Path) -> None:
    old = temporary.with_suffix(".old")
    replacing = target.exists()
    if replacing:
        target.rename(old)
    try:
        temporary.rename(target)
    except OSError:
        if replacing:
            old.rename(target)
        raise
    _flush_folder(target.parent)
    shutil.rmtree(old, ignore_errors=True)
