"""Weights of a network that go on in another one."""

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pydantic import BaseModel
from torch import nn

from recstream_trainer.models.predecessor import Predecessor


def weights_of(network: nn.Module, *, without: Collection[str] = ()) -> dict[str, NDArray[Any]]:
    """Copies of a network's parameters by name, but for some."""
    parameters = network.named_parameters()
    return {name: value.detach().cpu().numpy().copy() for name, value in parameters if name not in without}


@torch.no_grad()
def take_over(
    network: nn.Module,
    predecessor: Predecessor,
    settings: BaseModel,
    *,
    tables: Mapping[str, NDArray[np.int64]],
    weights: Mapping[str, NDArray[Any]],
) -> None:
    """Put another network's weights into this one.

    Parameters
    ----------
    network : torch module
    predecessor : Predecessor
        Whose weights they are, for the errors.
    settings : model settings
        Of the network.
    tables : mapping of str to int64 (n,)
        Parameters with a row for each item, word or the like: the row to take for each of the first n; -1 leaves one as
        it is, and so stay those after them.
    weights : mapping of str to array
        By the names of all the network's parameters.

    Raises
    ------
    ConfigurationError
        They are not those of a network of this shape.
    """
    own = dict(network.named_parameters())
    if own.keys() != weights.keys():
        raise predecessor.misfit(f"its network lacks or has besides {min(own.keys() ^ weights.keys())!r}", settings)
    for name, parameter in own.items():
        theirs = torch.from_numpy(np.array(weights[name]))
        cut = 1 if name in tables else 0
        short = name in tables and len(theirs) <= tables[name].max(initial=-1)
        if short or theirs.ndim != parameter.ndim or theirs.shape[cut:] != parameter.shape[cut:]:
            raise predecessor.misfit(
                f"its {name!r} is {tuple(theirs.shape)}, where {tuple(parameter.shape)} is needed", settings
            )
        if name in tables:
            rows = torch.from_numpy(tables[name])
            known = torch.nonzero(rows >= 0)[:, 0]
            parameter[known.to(parameter.device)] = theirs[rows[known]].to(parameter)
        else:
            parameter.copy_(theirs)
