"""Filters that a request may not have, and what comes of those it may."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from recstream_server.validation import RecommendationChecks

from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types

Faults = Callable[..., dict[str, str]]


def within(**ends: float) -> types.Condition:
    return types.Condition(attribute="year", range=types.NumberRange(**ends))


def one_of(**values: Any) -> types.Condition:
    return types.Condition(attribute="year", equals_any=types.AttributeValues(**values))


@pytest.mark.parametrize(
    "fault",
    [
        (types.Condition(exists=True), ".attribute", "is empty; give 1 to 128 bytes"),
        (types.Condition(attribute="x" * 129, exists=True), ".attribute", "has 129 bytes"),
        (types.Condition(attribute="year"), "", "has no test; give one of equals_any, range and exists"),
        (one_of(), ".equals_any", "is empty; give values"),
        (one_of(strings=["a"], bools=[True]), ".equals_any", "has strings and bools; give values"),
        (one_of(strings=["a"] * 1001), ".equals_any.strings", "has 1,001 values; at most 1,000"),
        (one_of(numbers=[1.0, math.nan]), ".equals_any.numbers[1]", "is NaN"),
        (within(), ".range", "has no end"),
        (within(greater=math.nan), ".range.greater", "is nan; give a finite number"),
        (within(less_or_equal=math.inf), ".range.less_or_equal", "is inf; give a finite number"),
        (within(greater_or_equal=2.0, less_or_equal=1.0), ".range", "is empty: no number is greater_or_equal 2 and"),
        (within(greater_or_equal=2.0, less=2.0), ".range", "is empty"),
        (within(greater=2.0, less_or_equal=2.0), ".range", "is empty"),
        (within(greater=1.7976931348623157e308), ".range", "is empty"),
        (within(less=-1.7976931348623157e308), ".range", "is empty"),
    ],
)
@pytest.mark.parametrize("part", ["all_of", "any_of", "none_of"])
def test_names_the_condition_at_fault(
    checks: RecommendationChecks, faults: Faults, part: str, fault: tuple[types.Condition, str, str]
) -> None:
    condition, path, problem = fault
    good = types.Condition(attribute="title", exists=True)
    item_filter = types.Filter(**{part: [good, condition]})  # type: ignore[arg-type]
    where = f"filter.{part}[1]{path}"
    for check, request in (
        (checks.recommend, rec_pb.RecommendItemsRequest(filter=item_filter)),
        (checks.rank, rec_pb.RankItemsRequest(item_ids=["i"], filter=item_filter)),
        (checks.similar, rec_pb.FindSimilarItemsRequest(item_id="i", filter=item_filter)),
    ):
        found = faults(check, request)
        assert list(found) == [where]
        assert problem in found[where]
    watched = rec_pb.WatchRecommendationsRequest(recommend=rec_pb.RecommendItemsRequest(filter=item_filter))
    assert list(faults(checks.watch, watched)) == [f"recommend.{where}"]


def test_conditions_are_counted_over_all_parts(checks: RecommendationChecks, faults: Faults) -> None:
    conditions = [types.Condition(attribute="year", exists=True)] * 32
    full = types.Filter(all_of=conditions, none_of=conditions)
    assert not faults(checks.recommend, rec_pb.RecommendItemsRequest(filter=full))
    full.any_of.append(conditions[0])
    found = faults(checks.recommend, rec_pb.RecommendItemsRequest(filter=full))
    assert found == {"filter": "has 65 conditions; at most 64 are allowed"}


def test_a_filter_without_conditions_is_none(checks: RecommendationChecks) -> None:
    assert checks.recommend(rec_pb.RecommendItemsRequest(filter=types.Filter())).item_filter is None


def test_ends_that_do_not_belong_are_moved_inside(checks: RecommendationChecks) -> None:
    item_filter = types.Filter(all_of=[within(greater=1.0, less=2.0), within(less_or_equal=3.0)])
    checked = checks.recommend(rec_pb.RecommendItemsRequest(filter=item_filter)).item_filter
    assert checked is not None
    assert checked.path == "filter."
    assert checked.all_of == [
        ("year", "range", (math.nextafter(1.0, 2.0), math.nextafter(2.0, 1.0))),
        ("year", "range", (-math.inf, 3.0)),
    ]
