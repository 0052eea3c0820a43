"""The attributes of the items, in the form in which answers carry them."""

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from recstream.v1 import types_pb2 as types

if TYPE_CHECKING:
    import polars as pl

_CACHED_ITEMS = 65_536
_SLICE_ITEMS = 16_384

AttributeScalar = str | int | float | bool | list[str]


class ItemAttributes:
    """Makes each item's attributes once, and keeps those asked for lately.

    Parameters
    ----------
    items : polars.DataFrame
        A row per item, a column per attribute.
    """

    def __init__(self, items: "pl.DataFrame") -> None:
        self._items = items
        self.of_row = lru_cache(_CACHED_ITEMS)(self._of_row)

    @property
    def names(self) -> list[str]:
        """Of the attributes, rising."""
        return sorted(self._items.columns)

    def slices(self) -> Iterator[list[list["AttributeScalar | None"]]]:
        """All items, so many at a time: a list of values for each of the `names`."""
        for items in self._items.select(self.names).iter_slices(_SLICE_ITEMS):
            yield [column.to_list() for column in items.get_columns()]

    def _of_row(self, row: int) -> types.Recommendation:
        """A recommendation with nothing but the attributes, to be merged into an answer; nulls are left out."""
        recommendation = types.Recommendation()
        for name, value in self._items.row(row, named=True).items():
            if value is not None:
                set_attribute(recommendation.attributes[name], value)
        return recommendation


def set_attribute(attribute: types.AttributeValue, value: AttributeScalar) -> None:
    """Give an attribute its value."""
    match value:
        case bool():
            attribute.bool_value = value
        case int() | float():
            attribute.number_value = value
        case str():
            attribute.string_value = value
        case _:
            attribute.string_list.values.extend(text for text in value if text is not None)
            attribute.string_list.SetInParent()
