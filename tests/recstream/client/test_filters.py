"""Filters made from Python values."""

from typing import Any

import pytest

from recstream.client import equals_any, exists, in_range, item_filter
from recstream.client.requests import rank_request, recommend_request, similar_request, watch_request
from recstream.v1 import types_pb2 as types


def test_values_keep_their_kind() -> None:
    assert list(equals_any("a", "x", "y").equals_any.strings) == ["x", "y"]
    assert list(equals_any("a", 1, 2.5).equals_any.numbers) == [1.0, 2.5]
    assert list(equals_any("a", False, True).equals_any.bools) == [False, True]


@pytest.mark.parametrize("values", [(), ("1", 1), (True, 1), (1.0, False)])
def test_values_of_several_kinds_are_refused(values: Any) -> None:
    with pytest.raises(TypeError, match="equals_any of 'year' needs values of one kind"):
        equals_any("year", *values)


def test_an_end_of_zero_is_not_an_absent_one() -> None:
    condition = in_range("price", greater=0, less_or_equal=9.5)
    assert condition.range.WhichOneof("lower") == "greater"
    assert condition.range.WhichOneof("upper") == "less_or_equal"
    assert in_range("price", less=0).range.WhichOneof("lower") is None


@pytest.mark.parametrize("ends", [{}, {"greater": 1, "greater_or_equal": 1}, {"less": 1, "less_or_equal": 2}])
def test_ends_that_make_no_range_are_refused(ends: Any) -> None:
    with pytest.raises(ValueError, match="in_range of 'year' needs a lower end, an upper end or both, each once"):
        in_range("year", **ends)


def test_requests_carry_the_filter() -> None:
    wanted = item_filter(exists("title"), any_of=[equals_any("a", "x")], none_of=[exists("b", False)])
    assert [len(part) for part in (wanted.all_of, wanted.any_of, wanted.none_of)] == [1, 1, 1]
    assert wanted.none_of[0] == types.Condition(attribute="b", exists=False)
    assert recommend_request("u", filter=wanted).filter == wanted
    assert rank_request("u", ["i"], filter=wanted).filter == wanted
    assert similar_request("i", filter=wanted).filter == wanted
    assert watch_request("u", None, filter=wanted).recommend.filter == wanted
    assert not recommend_request("u").HasField("filter")
