"""What `encoder.json` says: how a user's live events become a vector."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final, TypeAlias

from recstream.bundle.strict_json import JsonObject, JsonValue
from recstream.errors import BundleError

FILE: Final = "encoder.json"


@dataclass(frozen=True)
class AlsFoldIn:
    """The implicit-ALS half step for one user: see `recstream._core.UserEncoder.als_fold_in`."""

    unobserved_weight: float
    """Confidence of items without an event; 0 or more."""
    regularization: float
    """More than 0, so that the system can always be solved."""
    regularization_exponent: float
    """How regularization grows with the number of a user's items; 0 or more."""


@dataclass(frozen=True)
class DecayedPooling:
    """The mean of the item vectors, newer ones weighing more."""

    half_life_events: float
    """After how many events a weight has halved; more than 0."""


@dataclass(frozen=True)
class Constant:
    """The same vector for everybody."""

    vector: tuple[float, ...]
    """d numbers."""


@dataclass(frozen=True)
class ItemNeighbours:
    """Of retrieval by neighbours: each item of a history scores the items of its row of the N by N matrix."""


@dataclass(frozen=True)
class UserNeighbours:
    """Of retrieval by neighbours: the users most like a history vote with their own; see `recstream._core`."""

    neighbours: int
    """How many users vote; 1 or more."""
    shrinkage: float
    """Common items at which a similarity counts half; 0 or more."""


@dataclass(frozen=True)
class OnnxEncoder:
    """The graph in `encoder.onnx`, run by ONNX Runtime over the items used last; docs/bundle-format.md is its contract.

    Without the input `weights`, only items with a weight above zero are used; with it, all but those of weight zero.
    """

    max_length: int
    """Distinct items used, the latest: 1 to 2048."""
    inputs: tuple[str, ...]
    """Those of `ONNX_INPUTS` that the graph takes, `rows` among them."""


Encoder: TypeAlias = AlsFoldIn | DecayedPooling | Constant | OnnxEncoder | ItemNeighbours | UserNeighbours

ONNX_INPUTS: Final = ("rows", "weights", "times")
MAX_LENGTH: Final = 2048

_KINDS: Final[Mapping[str, type[Encoder]]] = {
    "als_fold_in": AlsFoldIn,
    "constant": Constant,
    "decayed_pooling": DecayedPooling,
    "item_neighbours": ItemNeighbours,
    "onnx": OnnxEncoder,
    "user_neighbours": UserNeighbours,
}


def encoder_to_json(encoder: Encoder) -> JsonObject:
    """The content of `encoder.json`."""
    kind = next(name for name, cls in _KINDS.items() if isinstance(encoder, cls))
    return {"kind": kind, **asdict(encoder)}


def encoder_from_json(value: JsonObject, *, dimension: int) -> Encoder:
    """Read the content of `encoder.json`.

    Parameters
    ----------
    value : JSON object
    dimension : int
        Components of a vector, d.

    Raises
    ------
    BundleError
        An unknown kind, or keys or values that do not fit it.
    """
    kind = value.get("kind")
    if not isinstance(kind, str) or kind not in _KINDS:
        raise BundleError(FILE, f"has kind {str(kind)[:64]!a}; this version knows {', '.join(sorted(_KINDS))}")
    keys = set(_KINDS[kind].__dataclass_fields__)
    if value.keys() - {"kind"} != keys:
        raise BundleError(FILE, f"the kind {kind} takes exactly the keys {', '.join(sorted(keys))}")
    if kind == "als_fold_in":
        return AlsFoldIn(
            unobserved_weight=_number(value, "unobserved_weight", least=0),
            regularization=_number(value, "regularization", least=0, above=True),
            regularization_exponent=_number(value, "regularization_exponent", least=0),
        )
    if kind == "decayed_pooling":
        return DecayedPooling(half_life_events=_number(value, "half_life_events", least=0, above=True))
    if kind == "onnx":
        return OnnxEncoder(_length(value["max_length"]), _inputs(value["inputs"]))
    if kind == "item_neighbours":
        return ItemNeighbours()
    if kind == "user_neighbours":
        return UserNeighbours(_count(value, "neighbours"), _number(value, "shrinkage", least=0))
    return Constant(_vector(value["vector"], dimension))


def _count(value: JsonObject, key: str) -> int:
    number = value[key]
    if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number < 2**31:
        raise BundleError(FILE, f"{key} must be a whole number, at least 1")
    return number


def _length(value: JsonValue) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_LENGTH:
        raise BundleError(FILE, f"max_length must be a whole number from 1 to {MAX_LENGTH}")
    return value


def _inputs(value: JsonValue) -> tuple[str, ...]:
    known = [name for name in ONNX_INPUTS if isinstance(value, list) and name in value]
    if not isinstance(value, list) or len(known) != len(value) or "rows" not in known:
        raise BundleError(
            FILE, 'inputs must be a list of "rows" and, where the graph takes them, "weights" and "times"'
        )
    return tuple(known)


def _number(value: JsonObject, key: str, *, least: float, above: bool = False) -> float:
    number = _float(key, value[key])
    if number < least or (above and number == least):
        raise BundleError(FILE, f"{key} is {number}; must be {'more than' if above else 'at least'} {least}")
    return number


def _float(key: str, number: JsonValue) -> float:
    if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(_as_float(number)):
        raise BundleError(FILE, f"{key} must be a finite number")
    return float(number)


def _as_float(number: int | float) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _vector(value: JsonValue, dimension: int) -> tuple[float, ...]:
    if not isinstance(value, list) or len(value) != dimension:
        raise BundleError(FILE, f"vector must be a list of {dimension} numbers")
    # float32 is what the core computes in; a double above its range would become an infinity there.
    vector = tuple(_float("vector", number) for number in value)
    if any(abs(number) > 3.4e38 for number in vector):
        raise BundleError(FILE, "vector holds a number outside the range of float32")
    return vector
