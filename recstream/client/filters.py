"""Filters made from Python values: which items may be in an answer."""

from collections.abc import Sequence
from typing import TypeVar

from recstream.v1.types_pb2 import AttributeValues, Condition, Filter, NumberRange

_Value = TypeVar("_Value", str, float, bool)


def equals_any(attribute: str, *values: _Value) -> Condition:
    """The attribute is one of some texts, numbers or bools; of a list of texts, any text is.

    Raises
    ------
    TypeError
        No values, or values of several kinds.
    """
    kinds = {bool if isinstance(value, bool) else str if isinstance(value, str) else float for value in values}
    if len(kinds) != 1:
        raise TypeError(f"equals_any of {attribute!r} needs values of one kind: texts, numbers or bools")
    kind = kinds.pop()
    if kind is str:
        return Condition(attribute=attribute, equals_any=AttributeValues(strings=map(str, values)))
    if kind is bool:
        return Condition(attribute=attribute, equals_any=AttributeValues(bools=map(bool, values)))
    return Condition(attribute=attribute, equals_any=AttributeValues(numbers=map(float, values)))


def in_range(
    attribute: str,
    *,
    greater_or_equal: float | None = None,
    greater: float | None = None,
    less_or_equal: float | None = None,
    less: float | None = None,
) -> Condition:
    """The number lies in a range; one end at least is given, and at most one at each side.

    Raises
    ------
    ValueError
        No end, or two at one side.
    """
    ends = {
        name: value
        for name, value in {
            "greater_or_equal": greater_or_equal,
            "greater": greater,
            "less_or_equal": less_or_equal,
            "less": less,
        }.items()
        if value is not None
    }
    if not ends or {"greater_or_equal", "greater"} <= ends.keys() or {"less_or_equal", "less"} <= ends.keys():
        raise ValueError(f"in_range of {attribute!r} needs a lower end, an upper end or both, each once")
    return Condition(attribute=attribute, range=NumberRange(**ends))


def exists(attribute: str, wanted: bool = True) -> Condition:
    """The item has the attribute; with `wanted` False, it lacks it."""
    return Condition(attribute=attribute, exists=wanted)


def item_filter(*conditions: Condition, any_of: Sequence[Condition] = (), none_of: Sequence[Condition] = ()) -> Filter:
    """Make a filter.

    Parameters
    ----------
    conditions : conditions made by `equals_any`, `in_range`, `exists`
        All of them must be met.
    any_of : conditions
        One of them must be met, unless there is none.
    none_of : conditions
        None of them may be met. An item that lacks the attribute meets no condition but ``exists(..., False)``.

    Examples
    --------
    >>> recent = item_filter(equals_any("genres", "Comedy", "Drama"), in_range("year", greater_or_equal=1990))
    >>> len(recent.all_of)
    2
    """
    return Filter(all_of=conditions, any_of=any_of, none_of=none_of)
