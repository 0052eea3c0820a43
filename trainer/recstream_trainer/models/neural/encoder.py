"""What a neural sequence family brings to the shared training: a network that reads histories."""

from typing import ClassVar

import torch
from torch import nn


class SequenceNetwork(nn.Module):
    """Reads histories and says after each of their items what comes next.

    A score is the inner product of what `states` gives and a row of `item_vectors`.

    Parameters
    ----------
    item_count : int
        N.
    dimension : int
        d, of an item's vector.
    """

    reads_times: ClassVar[bool] = False
    """Whether `states` makes use of the times."""

    def __init__(self, item_count: int, dimension: int) -> None:
        super().__init__()
        self.item_count = item_count
        # Row N is that of padding; it stays zero.
        self.items = nn.Embedding(item_count + 1, dimension, padding_idx=item_count)
        nn.init.normal_(self.items.weight, std=0.02)
        with torch.no_grad():
            self.items.weight[item_count] = 0

    def states(self, rows: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        """What comes next after each place of the histories, from that place and those before it.

        Parameters
        ----------
        rows : int64 (B, L)
            Oldest first, from the left; N on the right where the history is shorter.
        times : int64 (B, L)
            Unix seconds, 0 for padding.

        Returns
        -------
        float32 (B, L, d)
            Anything at places of padding.
        """
        raise NotImplementedError

    @property
    def item_vectors(self) -> torch.Tensor:
        """float32 (N, d)."""
        return self.items.weight[: self.item_count]


class ServedEncoder(nn.Module):
    """A network as the server runs it: histories that end at the right, to a vector each.

    They are moved to the left first, for there a network that looks back only does not see the padding.
    """

    def __init__(self, network: SequenceNetwork) -> None:
        super().__init__()
        self.network = network

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of what `forward` takes, in its order."""
        return ("rows", "times") if self.network.reads_times else ("rows",)

    def forward(self, rows: torch.Tensor, times: torch.Tensor | None = None) -> torch.Tensor:
        """Histories to vectors.

        Parameters
        ----------
        rows : int64 (B, L)
            Oldest first, right-aligned; N on the left where the history is shorter.
        times : int64 (B, L), optional
            Unix seconds, 0 for padding.

        Returns
        -------
        float32 (B, d)
        """
        length = rows.shape[1]
        counts = (rows < self.network.item_count).sum(1, keepdim=True)
        places = (torch.arange(length, device=rows.device) + length - counts) % length
        shifted = torch.zeros_like(rows) if times is None else times.gather(1, places)
        states = self.network.states(rows.gather(1, places), shifted)
        last = (counts - 1).clamp(min=0)
        return states.gather(1, last[:, :, None].expand(-1, -1, states.shape[2]))[:, 0]
