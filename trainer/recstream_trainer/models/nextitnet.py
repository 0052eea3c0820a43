"""NextItNet (Yuan et al. 2019): dilated causal convolutions over the history."""

from typing import Final

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional

from recstream_trainer.models.neural.dropout import Dropout
from recstream_trainer.models.neural.encoder import SequenceNetwork
from recstream_trainer.models.neural.sequence_model import SequenceSettings, sequence_family


class NextItNetSettings(SequenceSettings):
    """Settings of NextItNet."""

    dimension: int = Field(default=128, ge=1, le=2048, description="numbers in a vector")
    width: int = Field(default=3, ge=2, le=16, description="places that a convolution sees")
    dilations: tuple[int, ...] = Field(
        default=(1, 2, 4, 8, 16, 32), min_length=1, description="how far apart these places are, layer by layer"
    )


class Block(nn.Module):
    """A causal convolution after normalisation, gated, and added to its input."""

    def __init__(self, dimension: int, width: int, dilation: int, dropout: float) -> None:
        super().__init__()
        self._reach = [dilation * steps for steps in reversed(range(width))]
        self.norm = nn.LayerNorm(dimension)
        self.convolve = nn.Linear(width * dimension, 2 * dimension)
        self.merge = nn.Linear(dimension, dimension)
        self.dropout = Dropout(dropout)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Hidden (B, L, d) to the same shape."""
        length = hidden.shape[1]
        padded = functional.pad(self.norm(hidden), (0, 0, self._reach[0], 0))
        # As one product over the places side by side, which is what a convolution comes to.
        seen = torch.cat([padded[:, self._reach[0] - back :][:, :length] for back in self._reach], dim=-1)
        value, gate = self.convolve(seen).chunk(2, dim=-1)
        merged: torch.Tensor = self.dropout(self.merge(value * functional.silu(gate)))
        return hidden + merged


class NextItNetwork(SequenceNetwork):
    """See `SequenceNetwork`."""

    def __init__(self, settings: NextItNetSettings, item_count: int) -> None:
        super().__init__(item_count, settings.dimension)
        self.blocks = nn.Sequential(
            *(Block(settings.dimension, settings.width, dilation, settings.dropout) for dilation in settings.dilations)
        )
        self.norm = nn.LayerNorm(settings.dimension)
        self.dropout = Dropout(settings.dropout)

    def states(self, rows: torch.Tensor, times: torch.Tensor) -> torch.Tensor:  # noqa: ARG002 - order is all it takes
        """See `SequenceNetwork`."""
        states: torch.Tensor = self.norm(self.blocks(self.dropout(self.items(rows) * self.items.embedding_dim**0.5)))
        return states


FAMILY: Final = sequence_family(
    name="nextitnet",
    summary="dilated causal convolutions over the history (NextItNet), full softmax",
    settings=NextItNetSettings,
    network=NextItNetwork,
    kept_numbers=lambda settings: len(settings.dilations) * (8 + settings.width) * settings.dimension,
    quick={"dimension": 32, "dilations": (1, 2, 4)},
)
