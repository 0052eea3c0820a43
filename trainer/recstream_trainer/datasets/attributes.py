"""Item attributes: text, whole numbers, numbers, booleans and lists of text, as a bundle can hold them."""

import polars as pl

from recstream_trainer.datasets.values import as_id

_LIST_NAMES = {"genre", "genres", "tags", "categories", "keywords", "labels", "topics"}


def typed_attributes(table: pl.DataFrame, key: str) -> pl.DataFrame:
    """The table with its key as text named ``item``, and every other column as the narrowest type that holds it.

    Text with ``|`` in it, and text under a name like ``genres``, becomes a list of text. What fits none of the types
    becomes text. Rows without a key are left out.
    """
    columns = [as_id(table[key]).alias("item")]
    columns += [_typed(column) for column in table.iter_columns() if column.name not in (key, "item")]
    return pl.DataFrame(columns).drop_nulls("item")


def _typed(column: pl.Series) -> pl.Series:
    dtype = column.dtype
    if dtype.is_integer():
        return column.cast(pl.Int64)
    if dtype.is_float():
        return column.cast(pl.Float64).fill_nan(None)
    if dtype == pl.Boolean or dtype == pl.List(pl.String):
        return column
    if isinstance(dtype, pl.List):
        return column.cast(pl.List(pl.String))
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
