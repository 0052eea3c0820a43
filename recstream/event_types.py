"""The table of event types: what an event of each kind is worth, and whether it marks the item as seen."""

import hashlib
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from recstream.errors import ConfigurationError


@dataclass(frozen=True, slots=True)
class EventType:
    """One kind of event.

    Attributes
    ----------
    name : str
        What `UserEvent.event_type` says.
    weight : float
        Confidence of the preference it expresses; negative for an aversion, 0 for no influence. At most a million.
    marks_seen : bool
        Whether the item is left out of later answers.
    positive_from : float, optional
        An event with a value below this one counts with ``-weight``; one without a value counts with `weight`.
    """

    name: str
    weight: float
    marks_seen: bool = True
    positive_from: float | None = None


DEFAULT_EVENT_TYPES = (
    EventType("view", 0.5),
    EventType("click", 1.0),
    EventType("like", 2.0),
    EventType("add_to_cart", 2.0),
    EventType("purchase", 3.0),
    EventType("rating", 1.0, positive_from=3.0),
    EventType("dislike", -2.0),
    EventType("hide", -2.0),
    EventType("impression", 0.0, marks_seen=False),
)


_MAX_WEIGHT = 1e6


class EventTypes:
    """The configured event types, by name.

    Parameters
    ----------
    types : iterable of EventType

    Raises
    ------
    ConfigurationError
        Two types with one name, or a number that is out of range.
    """

    def __init__(self, types: Iterable[EventType] = DEFAULT_EVENT_TYPES) -> None:
        self._types: dict[str, EventType] = {}
        for kind in types:
            _require_numbers(kind)
            if kind.name in self._types:
                raise ConfigurationError(f"event_types: {kind.name} is given twice; give each name once")
            self._types[kind.name] = kind

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the types, in the order of the table."""
        return tuple(self._types)

    @property
    def fingerprint(self) -> str:
        """Changes whenever the table does: a state folded with another table must be folded anew."""
        lines = sorted(
            repr((kind.name, kind.weight, kind.marks_seen, kind.positive_from)) for kind in self._types.values()
        )
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def __iter__(self) -> Iterator[EventType]:
        return iter(self._types.values())

    def __contains__(self, name: object) -> bool:
        return name in self._types

    def resolve(self, event_type: str, value: float | None) -> tuple[float, bool]:
        """Weight of an event, and whether it marks its item as seen.

        ``(0.0, False)`` for a type that is not in the table: one that was stored under an earlier table.
        """
        kind = self._types.get(event_type)
        if kind is None:
            return 0.0, False
        if kind.positive_from is not None and value is not None and value < kind.positive_from:
            return -kind.weight, kind.marks_seen
        return kind.weight, kind.marks_seen


def _require_numbers(kind: EventType) -> None:
    """The engine would refuse an event of such a weight, when it is in the log already."""
    if not abs(kind.weight) <= _MAX_WEIGHT:
        raise ConfigurationError(
            f"event_types: the weight of {kind.name} is {kind.weight}; give a number from -{_MAX_WEIGHT:.0f} to"
            f" {_MAX_WEIGHT:.0f}"
        )
    if kind.positive_from is not None and not math.isfinite(kind.positive_from):
        raise ConfigurationError(
            f"event_types: positive_from of {kind.name} is {kind.positive_from}; give a finite number"
        )
