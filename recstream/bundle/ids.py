"""Tables of text ids, kept as one UTF-8 buffer and the offsets that cut it."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recstream.bundle.npy import chunks
from recstream.errors import BundleError

MAX_ID_BYTES: Final = 128


@dataclass(frozen=True, eq=False)
class Ids:
    """Text ids of rows 0 .. N-1.

    Attributes
    ----------
    utf8 : uint8 (bytes,)
        All ids, one after the other.
    offsets : int64 (N + 1,)
        Id r is ``utf8[offsets[r]:offsets[r + 1]]``.
    """

    utf8: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> str:
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} is not in 0 .. {len(self) - 1}")
        return self.utf8[self.offsets[row] : self.offsets[row + 1]].tobytes().decode()

    def to_list(self) -> list[str]:
        """All ids in row order."""
        buffer = self.utf8.tobytes()
        offsets = self.offsets.tolist()
        return [buffer[start:stop].decode() for start, stop in pairwise(offsets)]


def encode_ids(file: str, ids: Sequence[str]) -> Ids:
    """Pack ids; `file` names the table in the error for text that UTF-8 cannot hold (lone surrogates)."""
    try:
        encoded = [text.encode() for text in ids]
    except UnicodeEncodeError as error:
        raise BundleError(file, f"the id {error.object!a} has no UTF-8 form") from None
    offsets = np.zeros(len(encoded) + 1, dtype=np.int64)
    np.cumsum([len(text) for text in encoded], out=offsets[1:])
    return Ids(np.frombuffer(b"".join(encoded), dtype=np.uint8), offsets)


def check_ids(name: str, ids: Ids) -> None:
    """Refuse a table whose ids are not unique, not empty, of at most 128 bytes and valid UTF-8.

    Parameters
    ----------
    name : str
        ``item_ids`` or ``user_ids``, for the file in the error.

    Raises
    ------
    BundleError
        Names the file and the row.
    """
    utf8_file, offsets_file = f"{name}.utf8.npy", f"{name}.offsets.npy"
    check_pointers(offsets_file, ids.offsets, len(ids.utf8), f"bytes in {utf8_file}")
    lengths = np.diff(ids.offsets)
    for row in np.flatnonzero((lengths < 1) | (lengths > MAX_ID_BYTES))[:1]:
        raise BundleError(offsets_file, f"the id of row {row} has {lengths[row]} bytes; must be 1 to {MAX_ID_BYTES}")
    _check_utf8(utf8_file, ids)
    _check_unique(utf8_file, ids, lengths)


def check_pointers(file: str, pointers: NDArray[np.int64], end: int, what: str) -> None:
    """Refuse pointers that do not rise from 0 to `end`, which counts `what`."""
    if len(pointers) == 0 or pointers[0] != 0:
        raise BundleError(file, "must begin with 0")
    for row in np.flatnonzero(pointers[1:] < pointers[:-1])[:1]:
        raise BundleError(file, f"falls from {pointers[row]} to {pointers[row + 1]} at row {row}; must never fall")
    if pointers[-1] != end:
        raise BundleError(file, f"ends with {pointers[-1]}, but there are {end} {what}")


def _check_utf8(file: str, ids: Ids) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    try:
        for _, piece in chunks(ids.utf8):
            decoder.decode(piece.tobytes())
        decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise BundleError(file, f"is not UTF-8 ({error.reason}); export the ids again") from None
    # The text as a whole is valid, so an id can only be invalid by beginning inside a character.
    inside = (ids.utf8[ids.offsets[:-1]] & 0xC0) == 0x80
    for row in np.flatnonzero(inside)[:1]:
        raise BundleError(file, f"the id of row {row} begins inside a UTF-8 character")


def _check_unique(file: str, ids: Ids, lengths: NDArray[np.int64]) -> None:
    # Ids of one length side by side in a matrix: needs the memory of the text, where a set of Python strings would need
    # ten times as much.
    for length in np.unique(lengths).tolist():
        rows = np.flatnonzero(lengths == length)
        text = ids.utf8[ids.offsets[rows, None] + np.arange(length)].view(f"S{length}").reshape(-1)
        order = np.argsort(text, kind="stable")
        same = np.flatnonzero(text[order[1:]] == text[order[:-1]])
        if len(same):
            first, second = rows[order[same[0]]], rows[order[same[0] + 1]]
            raise BundleError(file, f"rows {first} and {second} have the same id {ids[first]!a}; ids must be unique")
