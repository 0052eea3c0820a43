"""Images of items as a tower reads them: vectors that another model made, and pictures in pixels."""

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

from recstream.errors import DataError
from recstream_trainer.datasets.images import FILE, VECTOR

CHANNELS: Final = 3
_READ_TOGETHER: Final = 8
_SHOWN: Final = 3
_UNREADABLE: Final = (OSError, ValueError, SyntaxError, Image.DecompressionBombError, Image.DecompressionBombWarning)
"""What Pillow raises for a file that is no image, is cut off, or would unpack to a bomb."""


@dataclass(frozen=True, eq=False)
class ItemImages:
    """Images of N items.

    Attributes
    ----------
    vectors : float32 (N, f)
        Of length 1; zeros for an item without. f is 0 where no item has one.
    pixels : uint8 (P, 3, s, s)
        Red, green and blue of the items that have a picture.
    picture_of : int64 (N,)
        Place among these; -1 for an item without.
    """

    vectors: NDArray[np.float32]
    pixels: NDArray[np.uint8]
    picture_of: NDArray[np.int64]


def read_images(images: pl.DataFrame, item_count: int, size: int) -> ItemImages:
    """Images out of the columns of a table.

    Parameters
    ----------
    images : polars.DataFrame
        ``Catalogue.images``.
    item_count : int
        N.
    size : int
        s, pixels to a side that each picture is brought to, whatever its shape.

    Raises
    ------
    DataError
        Files are missing or cannot be read as images: names the first, says how many and what to do.
    """
    vectors = np.zeros((item_count, 0), np.float32)
    if VECTOR in images.columns and images[VECTOR].drop_nulls().len():
        vectors = _unit_vectors(images[VECTOR])
    picture_of = np.full(item_count, -1, np.int64)
    pixels = np.zeros((0, CHANNELS, size, size), np.uint8)
    if FILE in images.columns:
        there = np.flatnonzero(images[FILE].is_not_null().to_numpy())
        picture_of[there] = np.arange(len(there))
        pixels = _read_all(images[FILE].drop_nulls().to_list(), size)
    return ItemImages(vectors, pixels, picture_of)


def _unit_vectors(column: pl.Series) -> NDArray[np.float32]:
    known = np.flatnonzero(column.is_not_null().to_numpy())
    given = column.drop_nulls().explode().to_numpy().astype(np.float64).reshape(len(known), -1)
    lengths = np.linalg.norm(given, axis=1, keepdims=True)
    vectors = np.zeros((len(column), given.shape[1]), np.float32)
    vectors[known] = given / np.where(lengths > 0, lengths, 1)
    return vectors


def _read_all(files: Sequence[str], size: int) -> NDArray[np.uint8]:
    pixels = np.zeros((len(files), CHANNELS, size, size), np.uint8)

    def read(place: int) -> str | None:
        try:
            pixels[place] = _read(files[place], size)
        except FileNotFoundError:
            return "there is no such file"
        except _UNREADABLE as error:
            return str(error)[:100] or type(error).__name__
        return None

    # Pillow lets go of the GIL while it decodes. The filters of warnings are those of the whole process.
    with warnings.catch_warnings(), ThreadPoolExecutor(_READ_TOGETHER) as pool:
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        problems = list(pool.map(read, range(len(files))))
    wrong = [(Path(file), problem) for file, problem in zip(files, problems, strict=True) if problem is not None]
    if wrong:
        shown = "; ".join(f"{file}: {problem}" for file, problem in wrong[:_SHOWN])
        raise DataError(
            f"items: {len(wrong):,} of {len(files):,} images of the column {FILE} cannot be read ({shown}); paths are "
            "relative to the table of items; put the files there, save them as PNG or JPEG, or leave the cells empty"
        )
    return pixels


def _read(file: str, size: int) -> NDArray[np.uint8]:
    with Image.open(file) as image:
        image.draft("RGB", (size, size))  # a JPEG is decoded no larger than needed
        small = image.convert("RGB").resize((size, size), Image.Resampling.BILINEAR)
    return np.moveaxis(np.asarray(small), 2, 0)
