"""From the attributes of a bundle's items to the native table that filters are compiled over."""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from recstream._core import AttributeColumn, AttributeTable
from recstream.bundle.npy import Scalar

if TYPE_CHECKING:
    import polars as pl


def build_attribute_table(items: "pl.DataFrame", *, cache_bytes: int) -> AttributeTable:
    """Make the table.

    Parameters
    ----------
    items : polars.DataFrame
        `Bundle.items`: a row per item, a column per attribute. Integers are compared as float64, as answers show them.
    cache_bytes : int
        As in `recstream._core.AttributeTable`.
    """
    columns = [(column.name, _column(column)) for column in items.get_columns()]
    return AttributeTable(columns, rows=items.height, cache_bytes=cache_bytes)


def _column(values: "pl.Series") -> AttributeColumn:
    import polars as pl  # noqa: PLC0415 - a client needs no polars

    if values.dtype == pl.Boolean:
        return AttributeColumn.booleans(_array(values.cast(pl.Int8).fill_null(-1), np.int8))
    if values.dtype == pl.String:
        return AttributeColumn.texts(*_encode(values))
    if values.dtype == pl.List(pl.String):
        texts = values.list.drop_nulls()
        lengths = _array(texts.list.len().fill_null(0), np.int64)
        pointers = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        flat = texts.filter(texts.list.len().fill_null(0) > 0).explode()
        return AttributeColumn.text_lists(*_encode(flat), pointers, _array(values.is_not_null(), np.uint8))
    return AttributeColumn.numbers(_array(values.cast(pl.Float64).fill_null(float("nan")), np.float64))


def _encode(texts: "pl.Series") -> tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int32]]:
    """UTF-8 and offsets of the distinct texts, rising, and the place of each text among them, -1 for null."""
    import polars as pl  # noqa: PLC0415 - a client needs no polars

    distinct = texts.drop_nulls().unique().sort()
    lengths = _array(distinct.str.len_bytes(), np.int64)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    utf8 = np.frombuffer("".join(distinct.to_list()).encode(), np.uint8)
    codes = texts.cast(pl.Enum(distinct)).to_physical().cast(pl.Int32).fill_null(-1)
    return utf8, offsets, _array(codes, np.int32)


def _array(values: "pl.Series", dtype: type[Scalar]) -> NDArray[Scalar]:
    return np.ascontiguousarray(values.to_numpy(), dtype)
