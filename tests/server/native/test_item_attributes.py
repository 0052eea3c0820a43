"""The bytes of attributes that C++ puts into answers, against those that protobuf makes."""

import polars as pl
import pytest
from recstream_server.item_attributes import ItemAttributes


def check(frame: pl.DataFrame) -> None:
    from recstream._transport import ItemAttributes as Native  # noqa: PLC0415 - optional

    attributes = ItemAttributes(frame)
    native = Native(attributes.names, attributes.slices())
    expected = [attributes.of_row(row).SerializeToString(deterministic=True) for row in range(frame.height)]
    assert [native.of_row(row) for row in range(frame.height)] == expected
    assert native.bytes == sum(map(len, expected)) + 8 * (frame.height + 1)
    for row in (-1, frame.height):
        with pytest.raises(IndexError):
            native.of_row(row)


def test_every_kind_of_value_is_written_as_protobuf_writes_it() -> None:
    columns = {
        "title": ["", None, "é" * 100, "x" * 20_000],
        "price": pl.Series([0.0, -0.0, 1e308, None], dtype=pl.Float64),
        "weight": pl.Series([0.1, None, 3.5, -1e-40], dtype=pl.Float32),
        "views": pl.Series([2**63 - 1, -(2**63), None, 2**53 + 1], dtype=pl.Int64),
        "likes": pl.Series([2**64 - 1, 0, 1, None], dtype=pl.UInt64),
        "in_stock": [True, False, None, True],
        "genres": [["a", None, "", "é"], [], None, [None]],
        "nothing": pl.Series([None] * 4, dtype=pl.String),
        "Ünusual \0 name": ["a", "b", "c", "d"],
        "x" * 128: [1, 2, 3, 4],
    }
    check(pl.DataFrame(columns))


def test_many_items_come_in_the_order_of_their_rows() -> None:
    rows = 40_000
    check(pl.DataFrame({"row": range(rows), "title": [f"Title {row}" if row % 3 else None for row in range(rows)]}))


def test_items_without_attributes_take_no_memory() -> None:
    from recstream._transport import ItemAttributes as Native  # noqa: PLC0415 - optional

    attributes = ItemAttributes(pl.DataFrame({"x": [1, 2]}).drop("x"))
    assert Native(attributes.names, attributes.slices()).bytes == 8


def test_slices_have_a_column_for_each_name() -> None:
    from recstream._transport import ItemAttributes as Native  # noqa: PLC0415 - optional

    with pytest.raises(ValueError, match="column for each name"):
        Native(["a", "b"], [[["x"]]])
    with pytest.raises(IndexError):
        Native(["a", "b"], [[["x", "y"], ["z"]]])
