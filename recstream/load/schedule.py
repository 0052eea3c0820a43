"""When requests are to be sent."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Stage:
    """A time of constant load: either an arrival rate (open loop) or a number of calls at a time (closed loop).

    Attributes
    ----------
    seconds : float
        How long requests are sent.
    rate : float
        Requests a second, by all workers together; 0 in a closed loop.
    concurrency : int
        Calls under way at a time, of all workers together; 0 in an open loop.
    """

    seconds: float
    rate: float = 0.0
    concurrency: int = 0

    @property
    def arrivals(self) -> int:
        """How many requests an open loop sends."""
        return max(1, round(self.seconds * self.rate))

    def arrival_ns(self, number: int) -> int:
        """When request `number` is to be sent, in nanoseconds from the start; not a sum, so errors do not add up."""
        return round(number * 1e9 / self.rate)

    def arrivals_of(self, worker: int, workers: int) -> range:
        """The requests that a worker sends: every `workers`-th."""
        return range(worker, self.arrivals, workers)

    def concurrency_of(self, worker: int, workers: int) -> int:
        """The calls that a worker keeps under way: their share, which differs by one at most."""
        return self.concurrency // workers + (worker < self.concurrency % workers)
