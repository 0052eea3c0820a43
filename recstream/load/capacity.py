"""The highest rate that still meets a target: doubling until it is missed, then bisecting."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

_PRECISION: Final = 1.05
_LOWEST_RATE: Final = 1.0
_HIGHEST_RATE: Final = 1_000_000.0


@dataclass(frozen=True)
class Target:
    """What a stage must reach.

    Attributes
    ----------
    p99_ms : float
        Largest 99th percentile of the latency.
    answered_share : float
        Least part of the offered rate that must be answered in time: else a queue grows, whatever the percentile is.
    """

    p99_ms: float
    answered_share: float = 0.95


def find_capacity(meets: Callable[[float], bool], start: float, *, precision: float = _PRECISION) -> float:
    """The highest rate for which a trial meets the target.

    Parameters
    ----------
    meets : function of the rate
        Runs a trial; taken to hold up to some rate and to fail above it.
    start : float
        The first rate, a guess.
    precision : float
        The answer held, and a rate at most this many times as high failed.

    Returns
    -------
    float
        0 when one request a second is too much.
    """
    good, bad = (start, 0.0) if meets(start) else (0.0, start)
    while not bad and good < _HIGHEST_RATE:
        rate = good * 2
        good, bad = (rate, bad) if meets(rate) else (good, rate)
    while not good and bad > _LOWEST_RATE:
        rate = max(bad / 2, _LOWEST_RATE)
        good, bad = (rate, bad) if meets(rate) else (good, rate)
    while good and bad > good * precision:
        rate = (good * bad) ** 0.5
        good, bad = (rate, bad) if meets(rate) else (good, rate)
    return good
