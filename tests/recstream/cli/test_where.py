"""Conditions as people type them."""

import pytest
import typer

from recstream.cli.where import parse_where
from recstream.client import equals_any, exists, in_range, item_filter
from recstream.v1.types_pb2 import Filter


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["genres=Comedy|Drama"], item_filter(equals_any("genres", "Comedy", "Drama"))),
        (["genres!=War"], item_filter(none_of=[equals_any("genres", "War")])),
        (["year=1990|1991"], item_filter(equals_any("year", 1990, 1991))),
        (["year>=1990", "year<2e3"], item_filter(in_range("year", greater_or_equal=1990), in_range("year", less=2000))),
        (["a > -1.5", "b<=0"], item_filter(in_range("a", greater=-1.5), in_range("b", less_or_equal=0))),
        (["in_stock=true"], item_filter(equals_any("in_stock", True))),
        (['code="7"'], item_filter(equals_any("code", "7"))),
        (["mixed=7|x"], item_filter(equals_any("mixed", "7", "x"))),
        (["title=a=b < c"], item_filter(equals_any("title", "a=b < c"))),
        (["title"], item_filter(exists("title"))),
        (["!title"], item_filter(exists("title", False))),
        (["x=nan|inf"], item_filter(equals_any("x", "nan", "inf"))),
    ],
)
def test_what_is_typed_is_what_is_meant(texts: list[str], expected: Filter) -> None:
    assert parse_where(texts) == expected


def test_nothing_typed_is_no_filter() -> None:
    assert parse_where([]) is None


@pytest.mark.parametrize("text", ["", "=x", "year=", "year>", "!", "a!b", ">=3"])
def test_what_is_no_condition_is_refused(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no condition; write for example"):
        parse_where([text])


@pytest.mark.parametrize("text", ["year>=new", "year<nan", "year>1|2"])
def test_a_range_needs_a_number(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="which is no number"):
        parse_where([text])
