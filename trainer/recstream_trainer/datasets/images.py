"""Images of items, by two columns of a table of items: ``image_vector`` and ``image_file``."""

from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recstream.errors import DataError

VECTOR: Final = "image_vector"
"""Of a column of vectors that another model made of the items' images: lists of numbers, or their text."""
FILE: Final = "image_file"
"""Of a column of paths to image files."""
COLUMNS: Final = (VECTOR, FILE)
BESIDE: Final = f".{VECTOR}s.npy"
"""Of a file of vectors beside the table ``STEM.csv``: ``STEM.image_vectors.npy``."""
_LARGEST: Final = 8192


def with_vectors_beside(table: pl.DataFrame, path: Path) -> pl.DataFrame:
    """The table with the vectors of the file beside it, if there is one, as the column `VECTOR`.

    Parameters
    ----------
    table : polars.DataFrame
    path : Path
        Where it was read from. The file beside it holds floats (rows of the table, f), and is read without pickle.

    Raises
    ------
    DataError
        That file cannot be read or is of another shape, or the table has vectors of its own.
    """
    beside = path.with_name(path.name.partition(".")[0] + BESIDE)
    if not beside.is_file():
        return table
    if VECTOR in table.columns:
        raise DataError(f"{path.name}: has a column {VECTOR}, and {beside.name} is beside it; remove one of the two")
    vectors = _array(beside)
    if vectors.ndim != 2 or len(vectors) != table.height:
        raise DataError(
            f"{beside.name}: its shape is {vectors.shape}, and {path.name} has {table.height:,} rows; give a vector "
            "for each row of the table, in its order"
        )
    return table.with_columns(pl.Series(VECTOR, vectors.astype(np.float32), dtype=pl.List(pl.Float32)))


def _array(path: Path) -> NDArray[np.floating]:
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(
            f"{path.name}: is no .npy file of numbers ({str(error)[:100]}); write it by numpy.save"
        ) from None
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        raise DataError(f"{path.name}: holds {getattr(array, 'dtype', 'several arrays')}; give one array of floats")
    return array


def typed_images(table: pl.DataFrame, keys: pl.Series, folder: Path) -> list[pl.Series]:
    """The columns of images that a table has: vectors as List[Float32], files as text with the folder in front.

    Parameters
    ----------
    table : polars.DataFrame
    keys : polars.Series
        Id of the item of each row, for the errors.
    folder : Path
        That paths are relative to: where the table is.

    Raises
    ------
    DataError
        Vectors of several lengths, or with anything but finite numbers in them.
    """
    found = []
    if VECTOR in table.columns:
        found.append(_vectors(table[VECTOR], keys))
    if FILE in table.columns:
        text = table[FILE].cast(pl.String).str.strip_chars()
        files = [None if not name else str(folder / name) for name in text]
        found.append(pl.Series(FILE, files, dtype=pl.String))
    return found


def _vectors(column: pl.Series, keys: pl.Series) -> pl.Series:
    if isinstance(column.dtype, pl.Array | pl.List):
        given = column.cast(pl.List(pl.String), strict=False)
    else:
        text = column.cast(pl.String).str.replace_all(r"[\[\](),;]", " ").str.strip_chars()
        given = text.set(text == "", None).str.extract_all(r"\S+")
    vectors = given.list.eval(pl.element().cast(pl.Float32, strict=False)).alias(VECTOR)
    finite = vectors.list.eval(pl.element().is_finite().fill_null(value=False)).list.all()
    _require(finite.fill_null(value=True), keys, given, "hold other than finite numbers")
    lengths = vectors.list.len()
    known = lengths.drop_nulls()
    if not len(known):
        return vectors
    usual = int(known.mode().sort()[0])
    if not 1 <= usual <= _LARGEST:
        raise DataError(f"items: {VECTOR} has {usual:,} numbers; give 1 to {_LARGEST:,}")
    _require((lengths == usual).fill_null(value=True), keys, given, f"do not have {usual:,} numbers, as most do")
    return vectors


def _require(right: pl.Series, keys: pl.Series, given: pl.Series, problem: str) -> None:
    wrong = ~right
    if wrong.any():
        first = ", ".join(map(str, given.filter(wrong)[0]))
        raise DataError(
            f"items: {wrong.sum():,} of {len(right):,} values of {VECTOR} {problem}; the first is of the item "
            f"{keys.filter(wrong)[0]!r}: [{first[:100]}]; correct them, or leave them empty where there is no image"
        )
