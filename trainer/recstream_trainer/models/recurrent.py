"""Recurrent networks over the history: what `gru4rec` and `lstm` share."""

from typing import Literal

import torch
from pydantic import Field
from torch import nn

from recstream_trainer.models.model import Family
from recstream_trainer.models.neural.dropout import Dropout
from recstream_trainer.models.neural.encoder import SequenceNetwork
from recstream_trainer.models.neural.sequence_model import SequenceSettings, sequence_family

Cell = Literal["gru", "lstm"]
_CELLS = {"gru": nn.GRU, "lstm": nn.LSTM}


class RecurrentSettings(SequenceSettings):
    """Settings of recurrent families."""

    dimension: int = Field(default=128, ge=1, le=2048, description="numbers in a vector")
    hidden: int = Field(default=128, ge=1, le=4096, description="numbers of a layer's memory")
    layers: int = Field(default=1, ge=1, le=8, description="recurrent layers")


class RecurrentNetwork(SequenceNetwork):
    """See `SequenceNetwork`."""

    def __init__(self, settings: RecurrentSettings, item_count: int, cell: Cell) -> None:
        super().__init__(item_count, settings.dimension)
        self.recurrence = _CELLS[cell](settings.dimension, settings.hidden, settings.layers, batch_first=True)
        self.project = nn.Linear(settings.hidden, settings.dimension)
        self.norm = nn.LayerNorm(settings.dimension)
        self.dropout = Dropout(settings.dropout)

    def states(self, rows: torch.Tensor, times: torch.Tensor) -> torch.Tensor:  # noqa: ARG002 - order is all it takes
        """See `SequenceNetwork`."""
        read = self.dropout(self.items(rows) * self.items.embedding_dim**0.5)
        with torch.autocast(rows.device.type, enabled=False):
            # Step by step there is nothing to gain from bfloat16.
            remembered, _ = self.recurrence(read)
        states: torch.Tensor = self.norm(self.project(self.dropout(remembered)))
        return states


def recurrent_family(name: str, summary: str, cell: Cell) -> Family:
    """A family with this cell."""
    return sequence_family(
        name=name,
        summary=summary,
        settings=RecurrentSettings,
        network=lambda settings, item_count: RecurrentNetwork(settings, item_count, cell),
        kept_numbers=lambda settings: 6 * settings.dimension + 8 * settings.hidden * settings.layers,
        quick={"dimension": 32, "hidden": 32},
    )
