"""What an array holds under a right checksum is checked as well."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from recstream.errors import BundleError

Reseal = Callable[..., None]
Refusal = Callable[[Path], BundleError]


def put(value: float, *at: int) -> Callable[[Any], Any]:
    def change(array: Any) -> Any:
        changed = array.copy()
        changed[at] = value
        return changed

    return change


ARRAY_LIES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "NaN in the first vector": ("item_vectors", put(np.nan, 0, 0)),
    "infinity in the last vector": ("item_vectors", put(np.inf, -1, -1)),
    "minus infinity in a user": ("user_vectors", put(-np.inf, 3, 1)),
    "NaN popularity": ("item_popularity", put(np.nan, 5)),
    "NaN weight": ("history.weights", put(np.nan, 0)),
    "float64 vectors": ("item_vectors", lambda a: a.astype(np.float64)),
    "float16 vectors": ("item_vectors", lambda a: a.astype(np.float16)),
    "int32 vectors": ("item_vectors", lambda a: a.astype(np.int32)),
    "big-endian vectors": ("item_vectors", lambda a: a.astype(">f4")),
    "Fortran order": ("item_vectors", np.asfortranarray),
    "transposed": ("item_vectors", lambda a: a.T.copy()),
    "flat": ("item_vectors", lambda a: a.reshape(-1)),
    "three axes": ("item_vectors", lambda a: a[None].copy()),
    "no axis": ("item_popularity", lambda a: a[0]),
    "a row more": ("item_vectors", lambda a: np.vstack([a, a[:1]])),
    "a row fewer": ("item_vectors", lambda a: a[:-1]),
    "a user fewer": ("user_vectors", lambda a: a[:-1]),
    "empty popularity": ("item_popularity", lambda a: a[:0]),
    "int32 pointers": ("history.indptr", lambda a: a.astype(np.int32)),
    "int64 rows": ("history.rows", lambda a: a.astype(np.int64)),
    "rows outside": ("history.rows", put(20, 0)),
    "negative rows": ("history.rows", put(-1, 4)),
    "a row fewer than weights": ("history.", lambda a: a[:-1]),
    "pointers that fall": ("history.indptr", put(100, 3)),
    "pointers that begin late": ("history.indptr", put(1, 0)),
    "pointers below zero": ("history.indptr", put(-(2**63), 1)),
    "pointers that end early": ("history.indptr", put(20, -1)),
    "pointers that end late": ("history.indptr", put(2**62, -1)),
    "offsets that fall": ("item_ids.offsets", put(0, 5)),
    "offsets that leap": ("item_ids.offsets", put(2**62, 5)),
    "offsets that end early": ("item_ids.offsets", lambda a: np.minimum(a, a[-1] - 1)),
    "offsets inside a character": ("item_ids", lambda a: a - (np.arange(len(a)) == 1)),
    "an empty id": ("item_ids.offsets", lambda a: np.where(np.arange(len(a)) == 2, a[1], a)),
    "an id too long": ("item_ids.offsets", lambda a: np.where(np.arange(len(a)) < 19, np.arange(len(a)), a)),
    "ids that are not UTF-8": ("item_ids.utf8", put(0xFF, 0)),
    "ids cut at the end": ("item_ids.utf8", put(0xC3, -1)),
    "ids that repeat": ("user_ids.utf8", lambda a: np.tile(a[:6], 7)),
    "a text array": ("item_popularity", lambda a: a.astype("U4")),
    "a structured array": ("item_popularity", lambda a: a.view([("x", "<f4")])),
    "a time array": ("history.indptr", lambda a: a.astype("datetime64[s]")),
}


@pytest.mark.parametrize("lie", ARRAY_LIES)
def test_a_lying_array_is_refused(bundle_folder: Path, reseal: Reseal, lie: str, refusal: Refusal) -> None:
    name, change = ARRAY_LIES[lie]
    stem = {"history.": "history.rows", "item_ids": "item_ids.offsets"}.get(name, name)
    path = bundle_folder / f"{stem}.npy"
    np.save(path, change(np.load(path)))
    reseal(bundle_folder)
    assert refusal(bundle_folder).file.startswith(name)


def test_a_pickled_array_is_refused_unread(bundle_folder: Path, reseal: Reseal, refusal: Refusal) -> None:
    np.save(bundle_folder / "item_popularity.npy", np.array([object] * 20), allow_pickle=True)
    reseal(bundle_folder)
    assert refusal(bundle_folder).file == "item_popularity.npy"
