"""AutoRec (Sedhain et al. 2015), of users and for preferences: an autoencoder with one layer between."""

from typing import Final

import torch
from pydantic import Field
from torch import nn

from recstream_trainer.models.neural.autoencoder import autoencoder_family
from recstream_trainer.models.neural.set_network import AutoencoderSettings, SetNetwork


class AutorecSettings(AutoencoderSettings):
    """Settings of AutoRec."""

    unobserved_weight: float = Field(default=0.1, ge=0, description="weight of items that somebody does not have")


class AutorecNetwork(SetNetwork):
    """See `SetNetwork`. The first AutoRec learns from ratings; here having an item is 1, and not having it 0."""

    def __init__(self, item_count: int, settings: AutorecSettings) -> None:
        super().__init__(item_count, settings)
        self._unobserved_weight = settings.unobserved_weight

    def between(self, read: torch.Tensor) -> torch.Tensor:
        """See `SetNetwork`."""
        return torch.sigmoid(read)

    def loss(self, scores: torch.Tensor, rows: torch.Tensor, weights: torch.Tensor, step: int) -> torch.Tensor:  # noqa: ARG002
        """See `SetNetwork`: weighted squared error over all items."""
        seen = nn.functional.pad(scores, (0, 1)).gather(1, rows)
        others = self._unobserved_weight * (scores.square().sum(1) - (seen.square() * (weights > 0)).sum(1))
        return (((seen - 1).square() * weights).sum(1) + others).mean()


FAMILY: Final = autoencoder_family(
    name="autorec",
    summary="an autoencoder of what somebody has, squared error (AutoRec)",
    settings=AutorecSettings,
    network=AutorecNetwork,
    quick={"hidden": 64},
)
