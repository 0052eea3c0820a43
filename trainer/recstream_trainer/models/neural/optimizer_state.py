"""Weights and an optimizer's moments as plain arrays, for checkpoints."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray


def arrays_of(prefix: str, source: Mapping[str, torch.Tensor] | torch.optim.Optimizer) -> dict[str, NDArray[Any]]:
    """Copies of a module's tensors, or of an optimizer's moments, as ``PREFIX/NAME``."""
    if isinstance(source, torch.optim.Optimizer):
        moments = source.state_dict()["state"]
        source = {f"{index}/{name}": value for index, values in moments.items() for name, value in values.items()}
    return {f"{prefix}/{name}": value.cpu().numpy().copy() for name, value in source.items()}


def tensors_under(prefix: str, arrays: Mapping[str, NDArray[Any]]) -> dict[str, torch.Tensor]:
    """Copies of the arrays ``PREFIX/NAME``, by the name."""
    start = f"{prefix}/"
    return {
        name.removeprefix(start): torch.from_numpy(np.array(value))
        for name, value in arrays.items()
        if name.startswith(start)
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, torch.Tensor]) -> None:
    """Put back the moments that `arrays_of` gave."""
    moments: dict[int, dict[str, torch.Tensor]] = {}
    for name, value in tensors.items():
        index, moment = name.split("/")
        moments.setdefault(int(index), {})[moment] = value
    optimizer.load_state_dict(optimizer.state_dict() | {"state": moments})
