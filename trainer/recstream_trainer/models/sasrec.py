"""SASRec (Kang and McAuley 2018): a causal transformer over the history, with today's parts."""

from typing import Final, Self

import torch
from pydantic import Field, model_validator
from torch import nn
from torch.nn import functional

from recstream_trainer.models.neural.dropout import Dropout
from recstream_trainer.models.neural.encoder import SequenceNetwork
from recstream_trainer.models.neural.sequence_model import SequenceSettings, sequence_family


class SasrecSettings(SequenceSettings):
    """Settings of SASRec."""

    dimension: int = Field(default=128, ge=2, le=2048, description="numbers in a vector")
    blocks: int = Field(default=2, ge=1, le=64, description="blocks of attention and feed-forward")
    heads: int = Field(default=2, ge=1, le=64, description="heads of attention; each takes an even share of the vector")
    dropout: float = Field(default=0.2, ge=0, lt=1, description="share of numbers left out while training")

    @model_validator(mode="after")
    def _heads_share_the_vector(self) -> Self:
        if self.dimension % (2 * self.heads):
            raise ValueError(
                f"model.dimension is {self.dimension}; must be a multiple of {2 * self.heads}, twice the heads"
            )
        return self


Turn = tuple[torch.Tensor, torch.Tensor]
"""Cosines and sines."""


class Rotation(nn.Module):
    """Rotary positions (Su et al. 2021): what attention sees of two places is how far they are apart."""

    frequencies: torch.Tensor

    def __init__(self, width: int) -> None:
        super().__init__()
        frequencies = 10_000.0 ** (-torch.arange(0, width, 2) / width)
        self.register_buffer("frequencies", frequencies, persistent=False)

    def forward(self, places: torch.Tensor) -> Turn:
        """Cosines and sines (L, width / 2) for places (L,)."""
        angles = places[:, None] * self.frequencies
        return angles.cos(), angles.sin()


def rotate(vectors: torch.Tensor, turn: Turn) -> torch.Tensor:
    """Vectors (B, H, L, width) turned by their places."""
    cosine, sine = (part.to(vectors.dtype) for part in turn)
    left, right = vectors.chunk(2, dim=-1)
    return torch.cat([left * cosine - right * sine, left * sine + right * cosine], dim=-1)


class Block(nn.Module):
    """Causal self-attention, then a gated feed-forward layer, both after normalisation and added to their input."""

    def __init__(self, dimension: int, heads: int, dropout: float) -> None:
        super().__init__()
        self._heads = heads
        self.before_attention = nn.LayerNorm(dimension)
        self.project = nn.Linear(dimension, 3 * dimension, bias=False)
        self.merge = nn.Linear(dimension, dimension, bias=False)
        self.before_feed_forward = nn.LayerNorm(dimension)
        self.widen = nn.Linear(dimension, 4 * dimension)
        self.narrow = nn.Linear(2 * dimension, dimension)
        self.dropout = Dropout(dropout)

    def forward(self, hidden: torch.Tensor, turn: Turn, later: torch.Tensor) -> torch.Tensor:
        """Hidden (B, L, d) to the same shape; `later` (L, L) is minus infinity where a place must not look."""
        attended: torch.Tensor = hidden + self.dropout(self._attend(self.before_attention(hidden), turn, later))
        value, gate = self.widen(self.before_feed_forward(attended)).chunk(2, dim=-1)
        widened: torch.Tensor = self.dropout(self.narrow(value * functional.silu(gate)))
        return attended + widened

    def _attend(self, hidden: torch.Tensor, turn: Turn, later: torch.Tensor) -> torch.Tensor:
        batch, length, dimension = hidden.shape
        parts = self.project(hidden).view(batch, length, 3, self._heads, -1).permute(2, 0, 3, 1, 4)
        queries, keys, values = parts.unbind()
        # Spelled out, as torch's own attention takes two and a half times as long in bfloat16 on a CPU.
        likeness = rotate(queries * queries.shape[-1] ** -0.5, turn) @ rotate(keys, turn).transpose(-1, -2)
        mixed = (likeness + later.to(likeness.dtype)).softmax(-1, dtype=likeness.dtype) @ values
        merged: torch.Tensor = self.merge(mixed.transpose(1, 2).reshape(batch, length, dimension))
        return merged


class SasrecNetwork(SequenceNetwork):
    """See `SequenceNetwork`."""

    def __init__(self, settings: SasrecSettings, item_count: int) -> None:
        super().__init__(item_count, settings.dimension)
        self.rotation = Rotation(settings.dimension // settings.heads)
        self.blocks = nn.ModuleList(
            Block(settings.dimension, settings.heads, settings.dropout) for _ in range(settings.blocks)
        )
        self.norm = nn.LayerNorm(settings.dimension)
        self.dropout = Dropout(settings.dropout)

    def states(self, rows: torch.Tensor, times: torch.Tensor) -> torch.Tensor:  # noqa: ARG002 - order is all it takes
        """See `SequenceNetwork`."""
        places = torch.arange(rows.shape[1], device=rows.device)
        turn = self.rotation(places)
        later = torch.where(places[:, None] < places, float("-inf"), 0.0)
        hidden = self.dropout(self.items(rows) * self.items.embedding_dim**0.5)
        for block in self.blocks:
            hidden = block(hidden, turn, later)
        states: torch.Tensor = self.norm(hidden)
        return states


FAMILY: Final = sequence_family(
    name="sasrec",
    summary="a causal transformer over the history (SASRec), full softmax",
    settings=SasrecSettings,
    network=SasrecNetwork,
    kept_numbers=lambda settings: (
        settings.blocks * (18 * settings.dimension + 2 * settings.heads * settings.max_length)
    ),
    quick={"dimension": 32},
)
