"""A moving average of a network's weights."""

import torch
from torch import nn


@torch.no_grad()
def follow(average: nn.Module, network: nn.Module, *, steps: int, averaging: float) -> None:
    """Move the average towards the network, in place.

    Parameters
    ----------
    average, network : torch module
        Of the same kind.
    steps : int
        Done so far, this one with them: early on the average is that of all steps, so that it forgets the random start.
    averaging : float
        How much of the average stays, at most; 0 makes it a copy.
    """
    share = 1 - min(averaging, steps / (steps + 10))
    averages: list[torch.Tensor] = list(average.parameters())
    torch._foreach_lerp_(averages, list(network.parameters()), share)
