"""Typing item attributes."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from recstream_trainer.datasets.attributes import typed_attributes

from recstream.errors import DataError

HERE = Path()


@pytest.mark.parametrize(
    ("name", "values", "typed", "dtype"),
    [
        ("year", ["1999", "", "2001"], [1999, None, 2001], pl.Int64),
        ("price", ["1.5", None, "2"], [1.5, None, 2.0], pl.Float64),
        ("adult", ["true", "False", ""], [True, False, None], pl.Boolean),
        ("title", ["Alpha", " ", "1999"], ["Alpha", None, "1999"], pl.String),
        ("genres", ["Drama", "Drama|Crime", None], [["Drama"], ["Drama", "Crime"], None], pl.List(pl.String)),
        ("cast", ["A", "A | B", ""], [["A"], ["A", "B"], None], pl.List(pl.String)),
        ("nothing", ["", None, " "], [None, None, None], pl.String),
        ("rank", [1, None, 3], [1, None, 3], pl.Int64),
        ("score", [1.0, float("nan"), 2.0], [1.0, None, 2.0], pl.Float64),
        ("cost", [Decimal("1.5"), None, Decimal(2)], [1.5, None, 2.0], pl.Float64),
        ("released", [date(2001, 1, 31), None, None], ["2001-01-31", None, None], pl.String),
        ("years", [[1], [2, 3], None], [["1"], ["2", "3"], None], pl.List(pl.String)),
        ("tags", [["x"], [], None], [["x"], [], None], pl.List(pl.String)),
    ],
)
def test_takes_the_narrowest_type(name: str, values: list[object], typed: list[object], dtype: pl.DataType) -> None:
    table = typed_attributes(pl.DataFrame({"sku": ["a", "b", "c"], name: values}), "sku", HERE)
    assert table.columns == ["item", name]
    assert table[name].to_list() == typed
    assert table[name].dtype == dtype


@pytest.mark.parametrize("values", [[{"a": 1}], [b"x"], [[{"a": 1}]]])
def test_what_a_bundle_cannot_hold_is_refused(values: list[object]) -> None:
    with pytest.raises(DataError, match=r"items: column 'odd' holds .*; give it as text, numbers or lists of text"):
        typed_attributes(pl.DataFrame({"id": ["a"], "odd": values}), "id", HERE)


def test_rows_without_a_key_go() -> None:
    table = typed_attributes(pl.DataFrame({"id": [1, None, 2], "title": ["x", "y", "z"]}), "id", HERE)
    assert table.rows() == [("1", "x"), ("2", "z")]
