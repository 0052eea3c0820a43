"""From a frame of attributes to the native table."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from recstream.bundle.attribute_table import build_attribute_table

FRAME = pl.DataFrame(
    {
        "title": ["B", None, "", "A"],
        "genres": [["Drama", "War"], [], None, ["War", None, "Ünder"]],
        "year": pl.Series([1990, None, 2**53 + 1, -5], dtype=pl.Int64),
        "small": pl.Series([1, 2, 3, None], dtype=pl.UInt8),
        "price": pl.Series([0.5, -0.0, None, 2.5], dtype=pl.Float32),
        "in_stock": [True, None, False, True],
        "nothing": pl.Series([None] * 4, dtype=pl.String),
    }
)


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        (("title", "equals_any", ["A", "B"]), [0, 3]),
        (("title", "equals_any", [""]), [2]),
        (("title", "equals_any", ["a"]), []),
        (("title", "exists", True), [0, 2, 3]),
        (("genres", "equals_any", ["War"]), [0, 3]),
        (("genres", "equals_any", ["Ünder", "Drama"]), [0, 3]),
        (("genres", "exists", True), [0, 1, 3]),
        (("year", "range", (-10.0, 1990.0)), [0, 3]),
        # As float64, as in answers.
        (("year", "equals_any", [float(2**53)]), [2]),
        (("small", "equals_any", [2, 3.0]), [1, 2]),
        (("price", "equals_any", [0]), [1]),
        (("price", "exists", False), [2]),
        (("in_stock", "equals_any", [False]), [2]),
        (("in_stock", "equals_any", [True, False]), [0, 2, 3]),
        (("nothing", "exists", True), []),
        (("nothing", "equals_any", ["x"]), []),
    ],
)
def test_every_kind_of_column(condition: Any, rows: list[int]) -> None:
    compiled = build_attribute_table(FRAME, cache_bytes=0).compile(all_of=[condition])
    bits = np.unpackbits(compiled.words.view(np.uint8), bitorder="little")
    assert np.flatnonzero(bits).tolist() == rows


def test_kinds() -> None:
    kinds = build_attribute_table(FRAME, cache_bytes=0).kinds
    assert list(kinds) == FRAME.columns
    assert list(kinds.values()) == ["text", "list of text", "number", "number", "number", "boolean", "text"]


@pytest.mark.parametrize("items", [FRAME.clear(), FRAME.select([])])
def test_no_items_or_no_attributes(items: pl.DataFrame) -> None:
    assert build_attribute_table(items, cache_bytes=0).compile().count == 0
