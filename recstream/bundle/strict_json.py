"""JSON as a bundle may hold it: one meaning, finite numbers, bounded size."""

import json
import math
from collections.abc import Mapping, Sequence
from typing import TypeAlias, cast

from recstream.errors import BundleError

JsonValue: TypeAlias = bool | int | float | str | Sequence["JsonValue"] | Mapping[str, "JsonValue"] | None
JsonObject: TypeAlias = Mapping[str, JsonValue]

MAX_JSON_BYTES = 4 << 20


def parse_object(file: str, text: bytes) -> JsonObject:
    """Read one JSON object, refusing what parsers disagree about.

    Parameters
    ----------
    file : str
        Name in the error.
    text : bytes
        UTF-8.

    Raises
    ------
    BundleError
        Not UTF-8, not JSON, not an object, a key given twice, NaN or an infinity, nested too deeply.
    """
    try:
        value = json.loads(
            text.decode("utf-8", errors="strict"),
            object_pairs_hook=_unique_keys,
            parse_constant=_refuse_constant,
            parse_float=_finite,
        )
    except UnicodeDecodeError as error:
        raise BundleError(file, f"is not UTF-8 at byte {error.start}; copy the bundle again") from None
    except RecursionError:
        raise BundleError(file, "is nested too deeply") from None
    except ValueError as error:
        raise BundleError(file, f"is not valid JSON: {error}; copy the bundle again") from None
    if not isinstance(value, dict):
        raise BundleError(file, "must hold a JSON object")
    return cast("JsonObject", value)


def canonical(value: JsonValue) -> bytes:
    """JSON with sorted keys and no spaces: the same bytes for the same value."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def _unique_keys(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    result: dict[str, JsonValue] = {}
    for key, value in pairs:
        if key in result:
            raise ValueError(f"the key {key[:64]!r} comes twice in one object")
        result[key] = value
    return result


def _refuse_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is not a JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise ValueError(f"the number {digits[:32]} is too large")
    return number
