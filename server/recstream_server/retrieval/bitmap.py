"""Sets of rows as bitmaps: row r is bit ``r % 64`` of word ``r // 64``, as the core and FAISS take them."""

import numpy as np
from numpy.typing import NDArray

Bitmap = NDArray[np.uint64]
Rows = NDArray[np.int64]

_WORD_BITS = 64


def words_for(rows: int) -> int:
    """Words that hold a bit for each of `rows` rows."""
    return -(-rows // _WORD_BITS)


def bitmap_of(members: NDArray[np.bool_]) -> Bitmap:
    """Bitmap of rows 0 .. len(members) - 1, with zeros up to a word."""
    padded = np.zeros(words_for(len(members)) * _WORD_BITS, bool)
    padded[: len(members)] = members
    return np.packbits(padded, bitorder="little").view(np.uint64)


def rows_in(bitmap: Bitmap) -> Rows:
    """Rows of a bitmap, rising."""
    return np.flatnonzero(np.unpackbits(bitmap.view(np.uint8), bitorder="little"))


def holds(bitmap: Bitmap, rows: Rows) -> NDArray[np.bool_]:
    """Whether each of `rows`, none negative, is in a bitmap; those beyond its end are not."""
    within = rows < len(bitmap) * _WORD_BITS
    found = np.zeros(len(rows), bool)
    known = rows[within]
    bits = bitmap[known // _WORD_BITS] >> (known % _WORD_BITS).astype(np.uint64)
    found[within] = (bits & np.uint64(1)).astype(bool)
    return found


def without(bitmap: Bitmap, rows: Rows) -> Bitmap:
    """Copy of a bitmap without `rows`, none negative; those beyond its end are ignored."""
    rows = rows[rows < len(bitmap) * _WORD_BITS]
    left = bitmap.copy()
    bits = np.uint64(1) << (rows % _WORD_BITS).astype(np.uint64)
    np.bitwise_and.at(left, rows // _WORD_BITS, ~bits)
    return left
