"""Neural collaborative filtering (He et al. 2017) as an inner product, so that it can be served."""

from typing import Final

import torch
from pydantic import Field

from recstream_trainer.models.neural.autoencoder import autoencoder_family
from recstream_trainer.models.neural.set_network import AutoencoderSettings, SetNetwork, multinomial_loss
from recstream_trainer.models.neural.towers import Residual


class NcfSettings(AutoencoderSettings):
    """Settings of `ncf`: `hidden` numbers describe an item, the first half for GMF and the others for the MLPs."""

    hidden: int = Field(default=256, ge=2, le=2046, multiple_of=2, description="numbers of an item's two embeddings")
    layer: int = Field(default=256, ge=1, description="numbers of the MLPs' hidden layers")


class NcfNetwork(SetNetwork):
    """See `SetNetwork`: ``score = <gmf_u, gmf_i> + <mlp(u), mlp(i)> + bias_i``.

    A user is the sum of what their items are read as; each side has an MLP of its own for its second half.
    """

    def __init__(self, item_count: int, settings: NcfSettings) -> None:
        super().__init__(item_count, settings)
        half = settings.hidden // 2
        self.user_tower = Residual(half, settings.layer)
        self.item_tower = Residual(half, settings.layer)

    def between(self, read: torch.Tensor) -> torch.Tensor:
        """See `SetNetwork`."""
        factors, described = read.chunk(2, dim=1)
        return torch.cat([factors, self.user_tower(described)], dim=1)

    @property
    def item_vectors(self) -> torch.Tensor:
        """See `SetNetwork`."""
        factors, described = self.write.weight.chunk(2, dim=1)
        return torch.cat([factors, self.item_tower(described), self.write.bias[:, None]], dim=1)

    def loss(self, scores: torch.Tensor, rows: torch.Tensor, weights: torch.Tensor, step: int) -> torch.Tensor:  # noqa: ARG002
        """See `SetNetwork`: the likelihood among all items, in place of sampled negatives."""
        return multinomial_loss(scores, rows, weights)


FAMILY: Final = autoencoder_family(
    name="ncf",
    summary="matrix factorisation beside two MLPs, after NeuMF, as one inner product (NCF)",
    settings=NcfSettings,
    network=NcfNetwork,
    quick={"hidden": 64, "layer": 64},
)
