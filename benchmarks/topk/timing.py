"""Taking turns: all contenders of a case run alternately, so what else the machine does meets them all."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

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


class Call(NamedTuple):
    """Seconds that one call took."""

    wall_s: float
    processor_s: float


@dataclass
class Times:
    """Every call of one contender."""

    calls: list[Call] = field(default_factory=list)

    @property
    def median_s(self) -> float:
        return median(call.wall_s for call in self.calls)

    @property
    def fastest_s(self) -> float:
        return min(call.wall_s for call in self.calls)

    @property
    def processor_s(self) -> float:
        """Median time on all cores: on one thread, the wall time of a machine with nothing else to do."""
        return median(call.processor_s for call in self.calls)


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
            times[peer.name].calls += turn(peer, batches, case.k, effort)
    return times


def turn(peer: Peer, batches: Sequence[NDArray[np.float32]], k: int, effort: Effort) -> list[Call]:
    """Calls on one batch after the other, until the time is up."""
    warm_up = timed(peer, batches[-1], k)
    if warm_up.wall_s > effort.patience_s:
        return [warm_up]
    calls: list[Call] = []
    until = time.perf_counter() + effort.turn_s
    while not calls or time.perf_counter() < until:
        calls.append(timed(peer, batches[len(calls) % len(batches)], k))
    return calls


def timed(peer: Peer, queries: NDArray[np.float32], k: int) -> Call:
    processor, started = time.process_time(), time.perf_counter()
    peer.search(queries, k)
    return Call(time.perf_counter() - started, time.process_time() - processor)
