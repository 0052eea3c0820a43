"""The option --where: conditions on attributes, as people type them."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from recstream.v1.types_pb2 import Condition, Filter

# A name has none of the characters that end it, but for the one that begins the form without a value.
_CONDITION = re.compile(
    r"(?s)(?P<name>[^=<>!]+?)\s*(?P<test>!=|>=|<=|=|>|<)\s*(?P<wanted>.+)|(?P<lacks>!?)(?P<bare>[^=<>!]+)"
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_ENDS = {">=": "greater_or_equal", ">": "greater", "<=": "less_or_equal", "<": "less"}
_FLAGS = {"true": True, "false": False}


def parse_where(texts: Sequence[str]) -> "Filter | None":
    """The filter that passes items for which every text holds; None for no texts.

    Parameters
    ----------
    texts : sequence of str
        ``NAME=VALUE``, or ``NAME=VALUE|VALUE`` for any of several; ``NAME!=VALUE`` for none of them; ``NAME>=NUMBER``
        and so on; ``NAME``, the item has the attribute; ``!NAME``, it lacks it. Values that are all numbers, or all
        true or false, are compared as such; in double quotes they are texts.

    Raises
    ------
    typer.BadParameter
        Something else.
    """
    from recstream.client.filters import item_filter  # noqa: PLC0415 - `recstream --help` must not wait for protobuf

    if not texts:
        return None
    parts: dict[bool, list[Condition]] = {True: [], False: []}
    for text in texts:
        wanted, condition = _parse(text)
        parts[wanted].append(condition)
    return item_filter(*parts[True], none_of=parts[False])


def _parse(text: str) -> "tuple[bool, Condition]":
    """Whether a condition must be met or must not be, and the condition."""
    from recstream.client.filters import exists, in_range  # noqa: PLC0415 - as above

    match = _CONDITION.fullmatch(text.strip())
    if match is None:
        raise typer.BadParameter(
            f"{text!r} is no condition; write for example 'genres=Comedy|Drama', 'year>=1990' or 'year'"
        )
    if match["bare"]:
        return True, exists(match["bare"].strip(), not match["lacks"])
    name, test, wanted = match["name"].strip(), match["test"], match["wanted"]
    if test in ("=", "!="):
        return test == "=", _equals_any(name, wanted.split("|"))
    if not _NUMBER.fullmatch(wanted):
        raise typer.BadParameter(f"{text!r} compares with {wanted!r}, which is no number")
    return True, in_range(name, **{_ENDS[test]: float(wanted)})


def _equals_any(name: str, values: Sequence[str]) -> "Condition":
    from recstream.client.filters import equals_any  # noqa: PLC0415 - as above

    if all(map(_NUMBER.fullmatch, values)):
        return equals_any(name, *map(float, values))
    if all(value in _FLAGS for value in values):
        return equals_any(name, *(_FLAGS[value] for value in values))
    return equals_any(name, *map(_unquoted, values))


def _unquoted(value: str) -> str:
    quoted = len(value) >= 2 and value[0] == value[-1] == '"'
    return value[1:-1] if quoted else value
