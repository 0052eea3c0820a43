"""Items as words: what is known about them, made comparable."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recstream.errors import DataError
from recstream_trainer.models.catalogue import Catalogue

_WORD: Final = re.compile(r"[^\W_]+")
_BINS: Final = 10
"""Of a column of numbers: as many items in each, about."""


@dataclass(frozen=True)
class Reading:
    """How columns become words, where that depends on all items.

    Attributes
    ----------
    edges : mapping of column to ascending numbers
        Where the bins of a column of numbers meet.
    repeating : mapping of column to bool
        Whether a column of text has values that repeat.
    """

    edges: Mapping[str, Sequence[float]]
    repeating: Mapping[str, bool]

    def followed_by(self, other: "Reading") -> "Reading":
        """The columns of both; this one says how, for those that it knows."""
        return Reading({**other.edges, **self.edges}, {**other.repeating, **self.repeating})


def reading_of(attributes: pl.DataFrame) -> Reading:
    """How a table of items is read."""
    columns = attributes.iter_columns()
    numbers, texts = [], []
    for column in columns:
        if column.dtype.is_numeric():
            numbers.append(column)
        elif column.dtype == pl.String:
            texts.append(column)
    return Reading({column.name: _edges(column) for column in numbers}, {text.name: _repeats(text) for text in texts})


def item_tokens(catalogue: Catalogue, family: str) -> list[list[str]]:
    """The words of each item, in code order: `read_tokens` by the reading of these items.

    Raises
    ------
    DataError
        Nothing is known about any item; `family` is who asks.
    """
    tokens = read_tokens(catalogue, reading_of(catalogue.attributes))
    if not any(tokens):
        raise nothing_known(family)
    return tokens


def nothing_known(family: str) -> DataError:
    """What a family has to say that needs to know something about items."""
    return DataError(
        f"--model {family}: describes items by their text and attributes, and nothing but their ids is known; "
        "give a table of items with --items, or use a family that learns from interactions alone, such as als"
    )


def read_tokens(catalogue: Catalogue, reading: Reading) -> list[list[str]]:
    """The words of each item, in code order.

    Text gives its words in lower case, and itself as a whole (`COLUMN=value`) where values repeat, as those of a brand
    do; a list of text its values, a boolean its value, and a number the tenth of the items that it lies in. An item of
    which nothing is known has none.
    """
    tokens: list[list[str]] = [[] for _ in range(catalogue.item_count)]
    for column in catalogue.attributes.iter_columns():
        for own, more in zip(tokens, _column_tokens(column, reading), strict=True):
            own.extend(more)
    return tokens


def _column_tokens(column: pl.Series, reading: Reading) -> Iterable[list[str]]:
    if column.dtype.is_numeric():
        return _binned(column, reading.edges.get(column.name, ()))
    if column.dtype == pl.Boolean:
        return ([] if value is None else [f"{column.name}={str(value).lower()}"] for value in column)
    if column.dtype == pl.String:
        return _text(column, repeats=reading.repeating.get(column.name, False))
    return ([f"{column.name}={value.lower()}" for value in values or () if value] for values in column.to_list())


def _repeats(column: pl.Series) -> bool:
    known = column.drop_nulls()
    return known.n_unique() <= len(known) / 2


def _text(column: pl.Series, *, repeats: bool) -> Iterable[list[str]]:
    for value in column:
        words = [] if value is None else _WORD.findall(value.lower())
        yield [*words, f"{column.name}={value.lower()}"] if repeats and words else words


def _edges(column: pl.Series) -> list[float]:
    numbers = _numbers(column)
    known = numbers[np.isfinite(numbers)]
    if not len(known):
        return []
    edges: list[float] = np.unique(np.quantile(known, np.linspace(0, 1, _BINS + 1)[1:-1])).tolist()
    return edges


def _numbers(column: pl.Series) -> NDArray[np.float64]:
    return column.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def _binned(column: pl.Series, edges: Sequence[float]) -> Iterable[list[str]]:
    numbers = _numbers(column)
    known = np.isfinite(numbers)
    bins = np.searchsorted(np.array(edges), numbers, side="right")
    return ([f"{column.name}#{place}"] if is_known else [] for place, is_known in zip(bins, known, strict=True))
