"""The processes that train one model together, as torchrun starts them."""

import atexit
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import torch
from torch import distributed

from recstream.errors import ConfigurationError

_WAIT = timedelta(hours=6)
"""For the first process to judge and write what the others do not."""


@dataclass(frozen=True)
class Peers:
    """Our process among those that train together: each takes a part of every batch, all take the same steps.

    Attributes
    ----------
    rank : int
        Of this process, from 0; the first one prints, judges and writes.
    count : int
        Of the processes; 1 for one alone, which then talks to nobody.
    """

    rank: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that prints, judges and writes."""
        return self.rank == 0

    def part(self, size: int) -> slice:
        """Our part of a batch; the parts of all are the batch, and one may be empty."""
        return slice(size * self.rank // self.count, size * (self.rank + 1) // self.count)

    def add_gradients(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Replace each gradient by the sum of all processes'; a parameter without one counts as zero."""
        if self.count == 1:
            return
        there = list(parameters)
        grads = [one.new_zeros(one.shape) if one.grad is None else one.grad for one in there]
        flat = torch.cat([grad.flatten() for grad in grads])
        distributed.all_reduce(flat)
        for one, grad in zip(there, torch.split(flat, [one.numel() for one in there]), strict=True):
            one.grad = grad.view(one.shape)

    def sums(self, *numbers: float) -> list[float]:
        """The sum of each number over all processes."""
        if self.count == 1:
            return list(numbers)
        summed = torch.tensor(numbers, dtype=torch.float64)
        distributed.all_reduce(summed)
        return [float(number) for number in summed]

    def wait(self) -> None:
        """Until all processes are here."""
        self.sums(0.0)

    def of_first(self, number: float) -> float:
        """The first process's number, in all of them; waits for it."""
        return self.sums(number if self.is_first else 0.0)[0]

    def same(self, text: str) -> bool:
        """Whether all processes have the same text."""
        texts: list[str | None] = [None] * self.count
        if self.count > 1:
            distributed.all_gather_object(texts, text)
        return self.count == 1 or len(set(texts)) == 1


def present_peers() -> Peers:
    """Those that `join_peers` found; this process alone before or without it."""
    if not distributed.is_initialized():
        return Peers()
    return Peers(distributed.get_rank(), distributed.get_world_size())


def join_peers() -> Peers:
    """Meet the other processes that torchrun started, if it did.

    Raises
    ------
    ConfigurationError
        torchrun's variables are not what it sets.
    """
    count = os.environ.get("WORLD_SIZE", "1")
    if count == "1":
        return Peers()
    try:
        distributed.init_process_group("gloo", timeout=_WAIT)
    except (ValueError, RuntimeError) as error:
        raise ConfigurationError(
            f"WORLD_SIZE is {count[:20]!r}, but the processes do not find each other ({str(error)[:200]}); start them "
            "by torchrun, or unset WORLD_SIZE"
        ) from None
    atexit.register(distributed.destroy_process_group)
    return present_peers()
