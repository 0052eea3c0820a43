"""HSTU (Zhai et al. 2024): gated attention without a softmax, that knows how long ago everything was."""

from typing import Any, ClassVar, Final, Self

import torch
from pydantic import Field, model_validator
from torch import nn
from torch.autograd import Function
from torch.nn import functional

from recstream_trainer.models.neural.dropout import Dropout
from recstream_trainer.models.neural.encoder import SequenceNetwork
from recstream_trainer.models.neural.sequence_model import SequenceSettings, sequence_family

_SPANS: Final = 64
"""Kinds of time differences: each is a third longer than the one before, the last begins at five years."""
_STEP: Final = 0.301


class HstuSettings(SequenceSettings):
    """Settings of HSTU."""

    blocks: int = Field(default=4, ge=1, le=64, description="blocks of attention")
    heads: int = Field(default=2, ge=1, le=64, description="heads of attention; each takes an even share of the vector")

    @model_validator(mode="after")
    def _heads_share_the_vector(self) -> Self:
        if self.dimension % self.heads:
            raise ValueError(f"dimension must be a multiple of heads ({self.heads}); it is {self.dimension}")
        return self


class Block(nn.Module):
    """Attention by SiLU of likeness, distance and time span, gated, and added to its input."""

    def __init__(self, settings: HstuSettings) -> None:
        super().__init__()
        dimension = settings.dimension
        self._heads = settings.heads
        self.before = nn.LayerNorm(dimension)
        self.project = nn.Linear(dimension, 4 * dimension)
        self.after = nn.LayerNorm(dimension)
        self.merge = nn.Linear(dimension, dimension)
        self.dropout = Dropout(settings.dropout)
        # What each distance in items, and each span of time, adds to the likeness.
        self.by_distance = nn.Parameter(0.02 * torch.randn(settings.heads, settings.max_length))
        self.by_span = nn.Parameter(0.02 * torch.randn(settings.heads, _SPANS))

    def forward(
        self, hidden: torch.Tensor, distances: torch.Tensor, spans: torch.Tensor, earlier: torch.Tensor
    ) -> torch.Tensor:
        """Hidden (B, L, d) to the same shape.

        Parameters
        ----------
        distances : int64 (L, L)
            Items from a place (row) back to another; 0 for later ones.
        spans : int64 (B, L, L)
            Kind of the time between them.
        earlier : float32 (L, L)
            0 where a place must not look, else what keeps sums from growing with the length.
        """
        batch, length, dimension = hidden.shape
        projected = functional.silu(self.project(self.before(hidden)))
        gate, *parts = projected.chunk(4, dim=-1)
        values, queries, keys = (part.view(batch, length, self._heads, -1).transpose(1, 2) for part in parts)
        likeness = queries @ keys.transpose(-1, -2)
        likeness = likeness + look_up(self.by_distance, distances).to(likeness.dtype)
        likeness = likeness + look_up(self.by_span, spans).to(likeness.dtype).transpose(0, 1)
        attention = functional.silu(likeness) * earlier.to(likeness.dtype)
        mixed = (attention @ values).transpose(1, 2).reshape(batch, length, dimension)
        outcome: torch.Tensor = self.merge(self.dropout(self.after(mixed) * gate))
        return hidden + outcome


def look_up(table: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """``table[:, places]``: (H, n) and int64 of any shape to (H, *shape)."""
    if not table.requires_grad:
        return table[:, places]
    looked_up: torch.Tensor = _LookUp.apply(table, places)  # type: ignore[no-untyped-call]
    return looked_up


class _LookUp(Function):
    """With a gradient that takes a tenth of the time of torch's, which is made for long rows."""

    @staticmethod
    def forward(ctx: Any, table: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(places)
        ctx.width = table.shape[1]
        return table[:, places]

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        (places,) = ctx.saved_tensors
        flat = places.flatten()
        sums = [torch.bincount(flat, row.flatten(), minlength=ctx.width) for row in gradient]
        return torch.stack(sums).to(gradient.dtype), None


class HstuNetwork(SequenceNetwork):
    """See `SequenceNetwork`."""

    reads_times: ClassVar[bool] = True

    def __init__(self, settings: HstuSettings, item_count: int) -> None:
        super().__init__(item_count, settings.dimension)
        self.blocks = nn.ModuleList(Block(settings) for _ in range(settings.blocks))
        self.norm = nn.LayerNorm(settings.dimension)
        self.dropout = Dropout(settings.dropout)
        self._scale = settings.max_length**-0.5

    def states(self, rows: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        """See `SequenceNetwork`."""
        places = torch.arange(rows.shape[1], device=rows.device)
        distances = (places[:, None] - places).clamp(min=0)
        earlier = torch.where(places[:, None] >= places, self._scale, 0.0)
        spans = spans_of(times[:, :, None] - times[:, None, :])
        hidden = self.dropout(self.items(rows) * self.items.embedding_dim**0.5)
        for block in self.blocks:
            hidden = block(hidden, distances, spans, earlier)
        states: torch.Tensor = self.norm(hidden)
        return states


def spans_of(seconds: torch.Tensor) -> torch.Tensor:
    """Kinds of time spans, int64 0 to 63, for seconds of any shape; spans below 1 second are one kind."""
    logarithms = torch.log(seconds.clamp(min=1).float()) / _STEP
    return logarithms.long().clamp(max=_SPANS - 1)


FAMILY: Final = sequence_family(
    name="hstu",
    summary="gated attention that knows how long ago everything was (HSTU), full softmax",
    settings=HstuSettings,
    network=HstuNetwork,
    kept_numbers=lambda settings: (
        settings.blocks * (12 * settings.dimension + 5 * settings.heads * settings.max_length)
    ),
    quick={"dimension": 32, "blocks": 2},
)
