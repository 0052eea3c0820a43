"""What a load run is asked to do."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from recstream.client_tls import ClientTls
from recstream.errors import ConfigurationError

LATE_MS: Final = 1.0
"""A request that leaves this much after its time is late."""


class Kind(StrEnum):
    """What one measured operation does."""

    RECOMMEND = "recommend"
    """RecommendItems."""
    EVENT = "event"
    """WriteUserEvent."""
    STREAM = "stream"
    """A query on a StreamingRecommend stream that many users share."""
    STREAM_EVENT = "stream-event"
    """An event on such a stream."""
    WATCH = "watch"
    """WatchRecommendations, until the first list."""


EVENT_KINDS: Final = frozenset({Kind.EVENT, Kind.STREAM_EVENT})


@dataclass(frozen=True, kw_only=True)
class LoadSettings:
    """What a load run sends, and over what.

    Attributes
    ----------
    target : str
        ``HOST:PORT``.
    mix : Kind -> share
        Shares sum to 1.
    count : int
        Items that every answer must have.
    event_type : str
        Type of the events.
    zipf : float
        Exponent of the users' popularity; 0 draws them uniformly.
    seed : int
        Of the draws.
    processes : int
        Worker processes.
    connections, streams, watchers : int
        In all processes together: connections, StreamingRecommend streams, and idle WatchRecommendations streams.
    timeout_s : float
        Deadline of a call.
    tls : ClientTls, optional
        Plain text without.
    """

    target: str
    mix: Mapping[Kind, float]
    count: int = 10
    event_type: str = "view"
    zipf: float = 0.0
    seed: int = 0
    processes: int = 1
    connections: int = 1
    streams: int = 8
    watchers: int = 0
    timeout_s: float = 5.0
    tls: ClientTls | None = None


def parse_mix(text: str) -> Mapping[Kind, float]:
    """Shares that sum to 1, from ``recommend=95,event=5`` or only ``stream``.

    Raises
    ------
    ConfigurationError
        Another kind, a kind twice, or a weight that is not positive.
    """
    weights: dict[Kind, float] = {}
    for part in text.split(","):
        name, _, weight = part.strip().partition("=")
        if name not in {*Kind}:
            raise ConfigurationError(f"--mix: {name!r} is no kind of call; there are {', '.join(Kind)}")
        if name in weights:
            raise ConfigurationError(f"--mix: {name} is given twice; give one weight for it")
        weights[Kind(name)] = _positive("--mix", part, weight or "1")
    return {kind: weight / sum(weights.values()) for kind, weight in weights.items()}


def parse_users(text: str) -> float:
    """The exponent of ``uniform`` (0) or ``zipf:1.1``.

    Raises
    ------
    ConfigurationError
        Something else.
    """
    name, _, exponent = text.partition(":")
    if name == "zipf" and exponent:
        return _positive("--users", text, exponent)
    if text != "uniform":
        raise ConfigurationError(f"--users: {text!r} is no way to draw users; use uniform or, for example, zipf:1.1")
    return 0.0


def parse_ramp(text: str) -> list[float]:
    """The rates of ``FROM:TO:STEP``, both ends included.

    Raises
    ------
    ConfigurationError
        Something else, or a ramp that does not rise.
    """
    parts = text.split(":")
    if len(parts) != 3:
        raise ConfigurationError(f"--ramp: {text!r} is not FROM:TO:STEP, for example 500:3000:500")
    first, last, step = (_positive("--ramp", text, part) for part in parts)
    if last < first:
        raise ConfigurationError(f"--ramp: {text!r} falls; FROM must be at most TO")
    return [first + number * step for number in range(int((last - first) / step + 1e-9) + 1)]


def _positive(option: str, whole: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise ConfigurationError(f"{option}: {text!r} in {whole!r} is no positive number")
    return number
