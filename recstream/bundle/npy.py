"""Strict reading of `.npy` files: a header that can only mean one thing, then numbers that are mapped, never copied."""

import re
from collections.abc import Iterator
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from recstream.errors import BundleError

Scalar = TypeVar("Scalar", bound=np.generic)

_MAGIC: Final = b"\x93NUMPY"
# NumPy aligns the numbers to 64 bytes; the core's vector instructions count on it.
_ALIGNMENT: Final = 64
_MAX_HEADER_BYTES: Final = 4096
# Exactly what NumPy writes. `ast.literal_eval`, which NumPy reads it with, would accept much more.
_HEADER: Final = re.compile(
    rb"\{'descr': '(?P<descr>[<|>][a-zA-Z]\d{1,2})', 'fortran_order': (?P<order>True|False), "
    rb"'shape': \((?P<first>\d{1,18}),(?: (?P<second>\d{1,18}))?\), \} *\n"
)
_CHUNK: Final = 1 << 22


def map_array(file: str, data: memoryview, dtype: type[Scalar], shape: tuple[int | None, ...]) -> NDArray[Scalar]:
    """View a mapped `.npy` file as an array.

    Parameters
    ----------
    file : str
        Name in the error.
    data : memoryview of bytes
        The whole file.
    dtype : NumPy scalar type
        The one type accepted, little-endian.
    shape : tuple of int or None
        Expected lengths; None where any length will do.

    Returns
    -------
    array of `dtype`, C-contiguous, read-only
        Borrowing from `data`.

    Raises
    ------
    BundleError
        Another header, type, order, shape or file size; floats that are not finite.
    """
    expected = np.dtype(dtype).newbyteorder("<")
    header, start = _split(file, data)
    match = _HEADER.fullmatch(header)
    if match is None:
        raise BundleError(file, "does not have the header of a one- or two-dimensional .npy array; export it again")
    descr = match["descr"].decode()
    if descr != expected.str:
        raise BundleError(file, f"holds numbers of type {descr}, must be {expected.str} ({expected.name})")
    if match["order"] == b"True":
        raise BundleError(file, "is in Fortran order, must be in C order")
    found = tuple(int(match[axis]) for axis in ("first", "second") if match[axis] is not None)
    if len(found) != len(shape) or any(want not in (None, got) for want, got in zip(shape, found, strict=True)):
        raise BundleError(file, f"has shape {found}, where the manifest asks for {_show(shape)}")
    # In Python's unbounded integers: a header may claim counts whose product overflows 64 bits.
    claimed = start + expected.itemsize * _product(found)
    if claimed != len(data):
        raise BundleError(file, f"has {len(data)} bytes, where its header asks for {claimed}; copy the bundle again")
    array = np.frombuffer(data, dtype=expected, offset=start).reshape(found)
    if expected.kind == "f":
        _check_finite(file, array)
    return array


def chunks(array: NDArray[Any]) -> Iterator[tuple[int, NDArray[Any]]]:
    """Flat pieces of an array with the index of their first element, so that a check needs little memory."""
    flat = array.reshape(-1)
    for start in range(0, len(flat), _CHUNK):
        yield start, flat[start : start + _CHUNK]


def _split(file: str, data: memoryview) -> tuple[bytes, int]:
    """Return the text of the header and the offset of the first number."""
    prefix = bytes(data[:12])
    if prefix[:6] != _MAGIC or len(prefix) < 12:
        raise BundleError(file, "is not a .npy file; copy the bundle again")
    version = (prefix[6], prefix[7])
    if version not in {(1, 0), (2, 0)}:
        raise BundleError(file, f"has .npy format version {version[0]}.{version[1]}, must be 1.0 or 2.0")
    begin = 10 if version == (1, 0) else 12
    start = begin + int.from_bytes(prefix[8:begin], "little")
    if start > min(_MAX_HEADER_BYTES, len(data)) or start % _ALIGNMENT:
        raise BundleError(file, f"claims a header of {start} bytes; must be a multiple of 64, at most 4096")
    return bytes(data[begin:start]), start


def _check_finite(file: str, array: NDArray[np.floating[Any]]) -> None:
    for start, piece in chunks(array):
        finite = np.isfinite(piece)
        if not finite.all():
            index = np.unravel_index(start + int(np.argmin(finite)), array.shape)
            place = ", ".join(str(int(axis)) for axis in index)
            raise BundleError(file, f"holds {piece[np.argmin(finite)]} at [{place}]; every number must be finite")


def _product(shape: tuple[int, ...]) -> int:
    total = 1
    for length in shape:
        total *= length
    return total


def _show(shape: tuple[int | None, ...]) -> str:
    return f"({', '.join('any' if length is None else str(length) for length in shape)}{',' * (len(shape) == 1)})"
