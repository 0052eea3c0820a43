"""Item attributes: text, whole numbers, numbers, booleans and lists of text, as a bundle can hold them."""

from pathlib import Path

import polars as pl

from recstream.errors import DataError
from recstream_trainer.datasets.images import COLUMNS, typed_images
from recstream_trainer.datasets.values import as_id, is_readable

_LIST_NAMES = {"genre", "genres", "tags", "categories", "keywords", "labels", "topics"}


def typed_attributes(table: pl.DataFrame, key: str, folder: Path) -> pl.DataFrame:
    """The table with its key as text named ``item``, and every other column as the narrowest type that holds it.

    Columns of images are as `typed_images` gives them; their paths are relative to `folder`. Text with ``|`` in it, and
    text under a name like ``genres``, becomes a list of text, and a date becomes text. Rows without a key are left out.

    Raises
    ------
    DataError
        A column of structs, bytes and the like, which a bundle cannot hold, or damaged vectors of images.
    """
    ids = as_id(table[key]).alias("item")
    typed = [_typed(column) for column in table.iter_columns() if column.name not in (key, "item", *COLUMNS)]
    return pl.DataFrame([ids, *typed, *typed_images(table, ids, folder)]).drop_nulls("item")


def _typed(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if dtype.is_integer():
        return column.cast(pl.Int64, strict=False)
    if dtype.is_float() or dtype.is_decimal():
        number = column.cast(pl.Float64)
        return number.set(~number.is_finite(), None)
    if dtype == pl.Boolean:
        return column
    if isinstance(dtype, pl.List) and is_readable(dtype.inner):
        return column.cast(pl.List(pl.String))
    if not is_readable(dtype):
        raise DataError(f"items: column {column.name!r} holds {dtype}; give it as text, numbers or lists of text")
    return _typed_text(column.cast(pl.String))


def _typed_text(column: pl.Series) -> pl.Series:
    text = column.str.strip_chars()
    text = text.set(text == "", None)
    if column.name.lower() in _LIST_NAMES or text.str.contains("|", literal=True).any():
        return text.str.split("|").list.eval(pl.element().str.strip_chars()).alias(column.name)
    for narrower in (pl.Int64, pl.Float64):
        number = text.cast(narrower, strict=False)
        if number.null_count() == text.null_count() < len(text):
            return number
    if set(text.drop_nulls().str.to_lowercase().unique()) <= {"true", "false"} and text.null_count() < len(text):
        return text.str.to_lowercase() == "true"
    return text
