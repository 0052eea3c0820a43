"""Mult-VAE (Liang et al. 2018): a variational autoencoder with a multinomial likelihood."""

from typing import Final

import torch
from pydantic import Field
from torch import nn

from recstream_trainer.models.neural.autoencoder import autoencoder_family
from recstream_trainer.models.neural.set_network import AutoencoderSettings, SetNetwork, multinomial_loss


class MultVaeSettings(AutoencoderSettings):
    """Settings of Mult-VAE."""

    dropout: float = Field(default=0.7, ge=0, lt=1, description="share of the items left out of the input")
    learning_rate: float = Field(default=0.003, gt=0, description="of AdamW")
    latent: int = Field(default=200, ge=1, le=2048, description="numbers of the innermost layer")
    divergence: float = Field(default=0.2, ge=0, description="weight that the Kullback-Leibler term grows to")
    divergence_steps: int = Field(default=5000, ge=1, description="steps that it takes to grow")


class MultVaeNetwork(SetNetwork):
    """See `SetNetwork`."""

    def __init__(self, item_count: int, settings: MultVaeSettings) -> None:
        super().__init__(item_count, settings)
        self.encode = nn.Linear(settings.hidden, 2 * settings.latent)
        self.decode = nn.Linear(settings.latent, settings.hidden)
        self._settings = settings
        self._divergence = torch.zeros(())

    def between(self, read: torch.Tensor) -> torch.Tensor:
        """See `SetNetwork`: while training a draw from the posterior, after it its mean."""
        mean, log_variance = self.encode(torch.tanh(read)).chunk(2, dim=1)
        if self.training:
            divergence = 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
            self._divergence = divergence.mean()
            mean = mean + torch.randn_like(mean) * (0.5 * log_variance).exp()
        decoded: torch.Tensor = torch.tanh(self.decode(mean))
        return decoded

    def loss(self, scores: torch.Tensor, rows: torch.Tensor, weights: torch.Tensor, step: int) -> torch.Tensor:
        """See `SetNetwork`: the likelihood of all items, and how far the posterior is from the prior."""
        share = self._settings.divergence * min(1.0, step / self._settings.divergence_steps)
        return multinomial_loss(scores, rows, weights) + share * self._divergence


FAMILY: Final = autoencoder_family(
    name="mult_vae",
    summary="a variational autoencoder of what somebody has (Mult-VAE)",
    settings=MultVaeSettings,
    network=MultVaeNetwork,
    quick={"hidden": 64, "latent": 32},
)
