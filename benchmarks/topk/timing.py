"""Taking turns: all contenders of a case run alternately, so what else the machine does meets them all."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks.topk.cases import Case
from benchmarks.topk.peers import Peer


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes
    ----------
    rounds : turns that every contender takes
    turn_s : seconds of a turn, at least one call
    patience_s : a contender whose first call of a turn takes longer has had its turn with it; for the others it only
        warms up
    """

    rounds: int
    turn_s: float
    patience_s: float


@dataclass
class Times:
    """Seconds of every call of one contender."""

    calls_s: list[float] = field(default_factory=list)

    @property
    def median_s(self) -> float:
        return median(self.calls_s)

    @property
    def fastest_s(self) -> float:
        return min(self.calls_s)


def alternate(
    peers: Sequence[Peer],
    queries: NDArray[np.float32],
    case: Case,
    effort: Effort,
    *,
    seed: int,
) -> dict[str, Times]:
    """Time every contender on the same batches, in another order each round."""
    starts = range(0, len(queries) - case.batch + 1, case.batch)
    batches = [queries[first : first + case.batch] for first in starts]
    times = {peer.name: Times() for peer in peers}
    random = np.random.default_rng(seed)
    for _ in range(effort.rounds):
        for number in random.permutation(len(peers)):
            peer = peers[number]
            peer.use_threads(case.threads)
            times[peer.name].calls_s += turn(peer, batches, case.k, effort)
    return times


def turn(peer: Peer, batches: Sequence[NDArray[np.float32]], k: int, effort: Effort) -> list[float]:
    """Seconds of calls on one batch after the other, until the time is up."""
    warm_up_s = timed(peer, batches[-1], k)
    if warm_up_s > effort.patience_s:
        return [warm_up_s]
    calls: list[float] = []
    until = time.perf_counter() + effort.turn_s
    while not calls or time.perf_counter() < until:
        calls.append(timed(peer, batches[len(calls) % len(batches)], k))
    return calls


def timed(peer: Peer, queries: NDArray[np.float32], k: int) -> float:
    started = time.perf_counter()
    peer.search(queries, k)
    return time.perf_counter() - started
