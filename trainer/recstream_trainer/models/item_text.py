"""Items as words: what is known about them, made comparable."""

import re
from collections.abc import Iterable
from typing import Final

import numpy as np
import polars as pl

from recstream.errors import DataError
from recstream_trainer.models.catalogue import Catalogue

_WORD: Final = re.compile(r"[^\W_]+")
_BINS: Final = 10
"""Of a column of numbers: as many items in each, about."""


def item_tokens(catalogue: Catalogue, family: str) -> list[list[str]]:
    """The words of each item, in code order.

    Text gives its words in lower case, and itself as a whole (`COLUMN=value`) where values repeat, as those of a brand
    do; a list of text its values, a boolean its value, and a number the tenth of the items that it lies in. An item of
    which nothing is known has none.

    Parameters
    ----------
    catalogue : Catalogue
    family : str
        Who asks, for the error.

    Raises
    ------
    DataError
        Nothing is known about any item.
    """
    tokens: list[list[str]] = [[] for _ in range(catalogue.item_count)]
    for column in catalogue.attributes.iter_columns():
        for own, more in zip(tokens, _column_tokens(column), strict=True):
            own.extend(more)
    if not any(tokens):
        raise DataError(
            f"--model {family}: describes items by their text and attributes, and nothing but their ids is known; "
            "give a table of items with --items, or use a family that learns from interactions alone, such as als"
        )
    return tokens


def _column_tokens(column: pl.Series) -> Iterable[list[str]]:
    if column.dtype.is_numeric():
        return _binned(column)
    if column.dtype == pl.Boolean:
        return ([] if value is None else [f"{column.name}={str(value).lower()}"] for value in column)
    if column.dtype == pl.String:
        return _text(column)
    return ([f"{column.name}={value.lower()}" for value in values or () if value] for values in column.to_list())


def _text(column: pl.Series) -> Iterable[list[str]]:
    known = column.drop_nulls()
    repeats = known.n_unique() <= len(known) / 2
    for value in column:
        words = [] if value is None else _WORD.findall(value.lower())
        yield [*words, f"{column.name}={value.lower()}"] if repeats and words else words


def _binned(column: pl.Series) -> Iterable[list[str]]:
    numbers = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    known = np.isfinite(numbers)
    edges = np.empty(0)
    if known.any():
        edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, _BINS + 1)[1:-1]))
    bins = np.searchsorted(edges, numbers, side="right")
    return ([f"{column.name}#{place}"] if is_known else [] for place, is_known in zip(bins, known, strict=True))
