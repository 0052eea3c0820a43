"""Taking turns: all contenders of a case run alternately, so what else the machine does meets them all."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

import numpy as np
from numpy.typing import NDArray

from benchmarks.topk.peers import Peer


@dataclass(frozen=True)
class Effort:
    """How long to measure.

    Attributes
    ----------
    rounds : turns that every contender takes
    turn_s : seconds of a turn, at least one call
    patience_s : a contender whose first call takes longer has only that one turn, of that one call
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
    batch: int,
    k: int,
    threads: int,
    effort: Effort,
    seed: int,
) -> dict[str, Times]:
    """Time every contender on the same batches, in another order each round."""
    batches = [queries[first : first + batch] for first in range(0, len(queries) - batch + 1, batch)]
    times = {peer.name: Times() for peer in peers}
    impatient: set[str] = set()
    random = np.random.default_rng(seed)
    for _ in range(effort.rounds):
        for number in random.permutation(len(peers)):
            peer = peers[number]
            if peer.name in impatient:
                continue
            peer.use_threads(threads)
            warm_up_s = timed(peer, batches[-1], k)
            if warm_up_s > effort.patience_s:
                impatient.add(peer.name)
                times[peer.name].calls_s = [*times[peer.name].calls_s, warm_up_s]
                continue
            times[peer.name].calls_s += turn(peer, batches, k, effort.turn_s)
    return times


def turn(peer: Peer, batches: Sequence[NDArray[np.float32]], k: int, seconds: float) -> list[float]:
    """Calls on one batch after the other, until the time is up."""
    calls: list[float] = []
    until = time.perf_counter() + seconds
    while not calls or time.perf_counter() < until:
        calls.append(timed(peer, batches[len(calls) % len(batches)], k))
    return calls


def timed(peer: Peer, queries: NDArray[np.float32], k: int) -> float:
    started = time.perf_counter()
    peer.search(queries, k)
    return time.perf_counter() - started
