"""From what somebody has, as a set, to the scores of all items: what the networks of autoencoders share."""

import torch
from pydantic import Field
from torch import nn

from recstream_trainer.models.model import FamilySettings
from recstream_trainer.models.neural.dropout import Dropout


class AutoencoderSettings(FamilySettings):
    """Settings that all autoencoders have."""

    hidden: int = Field(default=600, ge=1, le=2047, description="numbers of the layers beside the innermost")
    max_length: int = Field(default=2048, ge=1, le=2048, description="newest items of a history that are read")
    dropout: float = Field(default=0.5, ge=0, lt=1, description="share of the items left out of the input")
    learning_rate: float = Field(default=0.001, gt=0, description="of AdamW")
    weight_decay: float = Field(default=0.01, ge=0, description="of AdamW")
    averaging: float = Field(
        default=0.99, ge=0, lt=1, description="how much of the weights' moving average stays at a step; 0: no average"
    )
    batch_users: int = Field(default=128, ge=1, description="users that a step learns from")


class SetNetwork(nn.Module):
    """From the items that somebody has to the scores of all.

    A score is the inner product of what `forward` gives and a row of `item_vectors`.

    Parameters
    ----------
    item_count : int
        N.
    settings : AutoencoderSettings
    """

    def __init__(self, item_count: int, settings: AutoencoderSettings) -> None:
        super().__init__()
        self.item_count = item_count
        self.read = nn.Embedding(item_count + 1, settings.hidden, padding_idx=item_count)
        self.read_bias = nn.Parameter(torch.zeros(settings.hidden))
        self.write = nn.Linear(settings.hidden, item_count)
        nn.init.normal_(self.read.weight, std=(2 / (item_count + settings.hidden)) ** 0.5)
        nn.init.xavier_normal_(self.write.weight)
        nn.init.zeros_(self.write.bias)
        with torch.no_grad():
            self.read.weight[item_count] = 0
        self._dropout = Dropout(settings.dropout)

    def forward(self, rows: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """Sets to vectors.

        Parameters
        ----------
        rows : int64 (B, L)
            In any order; N for padding.
        weights : float32 (B, L)
            How much each counts; 0 for padding. They are scaled to a length of 1.

        Returns
        -------
        float32 (B, hidden + 1)
            The last number is 1: the items' share is their bias.
        """
        return self._vectors((self._scaled(weights)[:, None] @ self.read(rows))[:, 0])

    def from_sets(self, rows: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """The same by a product with the whole table, faster for many histories; while training with dropout."""
        sets = torch.zeros(len(rows), self.item_count + 1, device=rows.device)
        sets = sets.scatter_add(1, rows, self._dropout(self._scaled(weights)))
        return self._vectors(sets @ self.read.weight)

    def _scaled(self, weights: torch.Tensor) -> torch.Tensor:
        positive = weights.clamp(min=0)
        return positive / positive.square().sum(1, keepdim=True).clamp(min=1e-12).sqrt()

    def _vectors(self, summed: torch.Tensor) -> torch.Tensor:
        inner = self.between(summed + self.read_bias)
        return torch.cat([inner, torch.ones_like(inner[:, :1])], dim=1)

    def between(self, read: torch.Tensor) -> torch.Tensor:
        """From the input's sums to the last layer but one, both (B, hidden)."""
        raise NotImplementedError

    def loss(self, scores: torch.Tensor, rows: torch.Tensor, weights: torch.Tensor, step: int) -> torch.Tensor:
        """Mean over the users of a batch, whose `from_sets` came right before.

        Parameters
        ----------
        scores : float32 (B, N)
        rows, weights : (B, L)
            As for `forward`.
        step : int
            Steps done before.
        """
        raise NotImplementedError

    @property
    def item_vectors(self) -> torch.Tensor:
        """float32 (N, hidden + 1)."""
        return torch.cat([self.write.weight, self.write.bias[:, None]], dim=1)


def multinomial_loss(scores: torch.Tensor, rows: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """How unlikely a softmax over all items makes those that somebody has: a mean over users, in nats.

    Parameters
    ----------
    scores : float32 (B, N)
    rows, weights : (B, L)
        As for `SetNetwork.forward`.
    """
    padded = nn.functional.pad(torch.log_softmax(scores, 1), (0, 1))
    return -(padded.gather(1, rows) * weights).sum(1).mean()
