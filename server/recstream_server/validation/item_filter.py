"""`Filter`, as far as it can be checked without a model."""

import math
from collections.abc import Sequence

from recstream.v1 import types_pb2 as types
from recstream_server.queries import FilterCondition, ItemFilter
from recstream_server.settings import LimitSettings
from recstream_server.validation.violations import Violations

_VALUE_FIELDS = ("strings", "numbers", "bools")


def check_filter(found: Violations, item_filter: types.Filter, limits: LimitSettings) -> ItemFilter | None:
    """Check the field `filter` of a request.

    Returns
    -------
    ItemFilter or None
        None for a filter without conditions, which every item passes.
    """
    count = len(item_filter.all_of) + len(item_filter.any_of) + len(item_filter.none_of)
    if count == 0:
        return None
    if count > limits.filter_conditions:
        found.add("filter", f"has {count:,} conditions; at most {limits.filter_conditions:,} are allowed")
        return None
    inner = found.below("filter")
    return ItemFilter(
        inner.prefix,
        _check_part(inner, "all_of", item_filter.all_of, limits),
        _check_part(inner, "any_of", item_filter.any_of, limits),
        _check_part(inner, "none_of", item_filter.none_of, limits),
    )


def _check_part(
    found: Violations, part: str, conditions: Sequence[types.Condition], limits: LimitSettings
) -> list[FilterCondition]:
    checked = (
        _check_condition(found, f"{part}[{position}]", condition, limits)
        for position, condition in enumerate(conditions)
    )
    return [condition for condition in checked if condition is not None]


def _check_condition(
    found: Violations, path: str, condition: types.Condition, limits: LimitSettings
) -> FilterCondition | None:
    """None when it is at fault."""
    name = condition.attribute
    found.text_id(f"{path}.attribute", name, required=True)
    match condition.WhichOneof("test"):
        case "exists":
            return (name, "exists", condition.exists)
        case "range":
            ends = _check_range(found, f"{path}.range", condition.range)
            return None if ends is None else (name, "range", ends)
        case "equals_any":
            values = _check_values(found, f"{path}.equals_any", condition.equals_any, limits.filter_values)
            return None if values is None else (name, "equals_any", values)
        case _:
            found.add(path, "has no test; give one of equals_any, range and exists")
            return None


def _check_values(
    found: Violations, path: str, values: types.AttributeValues, limit: int
) -> list[str] | list[float] | list[bool] | None:
    given = [name for name in _VALUE_FIELDS if len(getattr(values, name))]
    if len(given) != 1:
        what = f"has {' and '.join(given)}" if given else "is empty"
        found.add(path, f"{what}; give values of the attribute's kind, in one of {', '.join(_VALUE_FIELDS)}")
        return None
    listed: list[str] | list[float] | list[bool] = list(getattr(values, given[0]))
    if len(listed) > limit:
        found.add(f"{path}.{given[0]}", f"has {len(listed):,} values; at most {limit:,} are allowed")
        return None
    if given[0] == "numbers" and any(map(math.isnan, values.numbers)):
        position = next(position for position, number in enumerate(values.numbers) if math.isnan(number))
        found.add(
            f"{path}.numbers[{position}]", "is NaN, which equals nothing; use exists to find items without a value"
        )
        return None
    return listed


def _check_range(found: Violations, path: str, ends: types.NumberRange) -> tuple[float, float] | None:
    """Both ends as they belong to the range: an end that does not is replaced by the next number inside."""
    set_ends = [name for name in (ends.WhichOneof("lower"), ends.WhichOneof("upper")) if name is not None]
    if not set_ends:
        found.add(path, "has no end; give a lower or an upper one, or use exists")
        return None
    for name in set_ends:
        if not math.isfinite(getattr(ends, name)):
            found.add(f"{path}.{name}", f"is {getattr(ends, name)}; give a finite number, or leave the end out")
            return None
    low, high = -math.inf, math.inf
    if ends.HasField("greater_or_equal"):
        low = ends.greater_or_equal
    elif ends.HasField("greater"):
        low = math.nextafter(ends.greater, math.inf)
    if ends.HasField("less_or_equal"):
        high = ends.less_or_equal
    elif ends.HasField("less"):
        high = math.nextafter(ends.less, -math.inf)
    if low > high or low == math.inf or high == -math.inf:
        shown = " and ".join(f"{name} {getattr(ends, name):g}" for name in set_ends)
        found.add(path, f"is empty: no number is {shown}; exchange the ends, or make them inclusive")
        return None
    return low, high
