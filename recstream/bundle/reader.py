"""Reading a bundle: everything is checked before anything is handed out."""

import hashlib
import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recstream.bundle import manifest as manifests
from recstream.bundle.encoder import Encoder, OnnxEncoder, encoder_from_json
from recstream.bundle.folder import BundleFolder
from recstream.bundle.ids import Ids, check_ids
from recstream.bundle.items import read_items
from recstream.bundle.manifest import Manifest
from recstream.bundle.neighbours import Neighbours, check_entries, check_neighbours
from recstream.bundle.npy import Scalar, map_array
from recstream.bundle.onnx_trial import try_onnx
from recstream.bundle.strict_json import MAX_JSON_BYTES, parse_object
from recstream.errors import BundleError

if TYPE_CHECKING:
    import polars as pl


@dataclass(frozen=True, eq=False)
class Bundle:
    """A trained model, mapped from its files; every array is read-only and C-contiguous.

    Attributes
    ----------
    path : Path
    manifest : Manifest
    item_ids : Ids of N items
    item_vectors : float32 (N, d)
        Without columns in a bundle with neighbours, as are `user_vectors`.
    item_popularity : float32 (N,)
    user_ids : Ids of U users
    user_vectors : float32 (U, d)
    history_indptr : int64 (U + 1,)
        User u's history is entries ``history_indptr[u]`` to ``history_indptr[u + 1]`` of the next two.
    history_rows : int32 (n,)
        Item rows, oldest first.
    history_weights : float32 (n,)
    history_times : int64 (n,) or None
        Unix seconds of each, 0 where it is not known; None where no time is.
    encoder : Encoder
    neighbours : Neighbours or None
        In place of vectors, with an encoder ItemNeighbours or UserNeighbours.
    onnx : bytes or None
        The graph of an OnnxEncoder.
    """

    path: Path
    manifest: Manifest
    item_ids: Ids
    item_vectors: NDArray[np.float32]
    item_popularity: NDArray[np.float32]
    user_ids: Ids
    user_vectors: NDArray[np.float32]
    history_indptr: NDArray[np.int64]
    history_rows: NDArray[np.int32]
    history_weights: NDArray[np.float32]
    history_times: NDArray[np.int64] | None
    encoder: Encoder
    neighbours: Neighbours | None
    onnx: memoryview | None = field(repr=False)
    items_data: memoryview = field(repr=False)

    @cached_property
    def items(self) -> "pl.DataFrame":
        """Item attributes, N rows in row order; read at the first use.

        Raises
        ------
        BundleError
            `items.arrow` is not what the format says.
        ConfigurationError
            polars is not installed.
        """
        return read_items(self.items_data, item_count=self.manifest.item_count)


def load_bundle(path: str | os.PathLike[str], *, verify: bool = True) -> Bundle:
    """Map a bundle, or refuse it.

    Parameters
    ----------
    path : path
        The bundle's folder.
    verify : bool
        Whether to compare every file with its SHA-256, which reads all of them. Everything else is checked always.

    Raises
    ------
    BundleError
        Names the file at fault, what is wrong and the remedy.
    """
    root = Path(path)
    with BundleFolder(root) as folder:
        manifest_data = folder.map(manifests.FILE, limit_bytes=MAX_JSON_BYTES)
        manifest = manifests.manifest_from_bytes(bytes(manifest_data), verify=verify)
        _check_names(folder.names(), manifest)
        views = {name: folder.map(name, size_bytes=entry.bytes) for name, entry in sorted(manifest.files.items())}
    if verify:
        _check_digests(views, manifest)
    return _assemble(root, manifest, views)


def _check_names(names: set[str], manifest: Manifest) -> None:
    for name in sorted(names - manifest.files.keys() - {manifests.FILE}):
        shown = name.encode(errors="backslashreplace").decode()[:100]
        raise BundleError(shown, "is not named in manifest.json; remove it or copy the bundle again")


def _check_digests(views: dict[str, memoryview], manifest: Manifest) -> None:
    for name, view in views.items():
        if hashlib.sha256(view).hexdigest() != manifest.files[name].sha256:
            raise BundleError(name, "has been altered: its SHA-256 is not the manifest's; copy the bundle again")


def _assemble(root: Path, manifest: Manifest, views: dict[str, memoryview]) -> Bundle:
    items, users, dimension = manifest.item_count, manifest.user_count, manifest.dimension

    def array(stem: str, dtype: type[Scalar], *shape: int | None) -> NDArray[Scalar]:
        return map_array(f"{stem}.npy", views[f"{stem}.npy"], dtype, shape)

    def vectors(stem: str, rows: int) -> NDArray[np.float32]:
        if manifest.retrieval == "neighbours":
            return np.zeros((rows, 0), dtype=np.float32)
        return array(stem, np.float32, rows, dimension)

    encoder_data = views[manifests.ENCODER_FILE]
    if len(encoder_data) > MAX_JSON_BYTES:
        raise BundleError(manifests.ENCODER_FILE, f"has {len(encoder_data)} bytes; must be at most {MAX_JSON_BYTES}")
    bundle = Bundle(
        path=root,
        manifest=manifest,
        item_ids=Ids(array("item_ids.utf8", np.uint8, None), array("item_ids.offsets", np.int64, items + 1)),
        item_vectors=vectors("item_vectors", items),
        item_popularity=array("item_popularity", np.float32, items),
        user_ids=Ids(array("user_ids.utf8", np.uint8, None), array("user_ids.offsets", np.int64, users + 1)),
        user_vectors=vectors("user_vectors", users),
        history_indptr=array("history.indptr", np.int64, users + 1),
        history_rows=array("history.rows", np.int32, None),
        history_weights=array("history.weights", np.float32, None),
        history_times=array("history.times", np.int64, None) if manifests.TIMES_FILE in views else None,
        encoder=encoder_from_json(parse_object(manifests.ENCODER_FILE, bytes(encoder_data)), dimension=dimension),
        neighbours=None
        if manifest.retrieval == "dense"
        else Neighbours(
            indptr=array("neighbours.indptr", np.int64, None),
            rows=array("neighbours.rows", np.int32, None),
            weights=array("neighbours.weights", np.float32, None),
        ),
        onnx=views.get(manifests.ONNX_FILE),
        items_data=views[manifests.ITEMS_FILE],
    )
    _check_contents(bundle)
    return bundle


def _check_contents(bundle: Bundle) -> None:
    check_ids("item_ids", bundle.item_ids)
    check_ids("user_ids", bundle.user_ids)
    rows, weights = bundle.history_rows, bundle.history_weights
    check_entries("history", bundle.history_indptr, rows, weights, bundle.manifest.item_count)
    times = bundle.history_times
    if times is not None and len(times) != len(rows):
        raise BundleError(manifests.TIMES_FILE, f"has {len(times)} times for {len(rows)} rows")
    if times is not None and len(times) and times.min() < 0:
        raise BundleError(manifests.TIMES_FILE, f"holds {times.min()}; must be Unix seconds, or 0 for unknown")
    check_neighbours(bundle.neighbours, bundle.encoder, bundle.manifest)
    _check_onnx(bundle)


def _check_onnx(bundle: Bundle) -> None:
    encoder, manifest = bundle.encoder, bundle.manifest
    if not isinstance(encoder, OnnxEncoder):
        if bundle.onnx is not None:
            raise BundleError(
                manifests.ONNX_FILE, "is there, though encoder.json is not of the kind onnx; export it again"
            )
        return
    if bundle.onnx is None:
        raise BundleError(manifests.ONNX_FILE, "is missing, which encoder.json asks for; export it again")
    try_onnx(bundle.onnx, encoder, item_count=manifest.item_count, dimension=manifest.dimension)
