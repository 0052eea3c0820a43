"""A small convolutional network that learns what the pictures of items say, beside the towers."""

from typing import Final

import torch
from torch import nn

from recstream_trainer.models.neural.item_images import CHANNELS

_WIDTHS: Final = (16, 32, 64)
_TOGETHER: Final = 256


class PictureTower(nn.Module):
    """Pictures to vectors.

    A step meets thousands of items, and to run them all through the network would take most of its time. So it runs
    a few, drawn anew in each step, and learns from these; of the others it uses what the network made of them last.

    Parameters
    ----------
    pixels : uint8 (P, 3, s, s)
    dimension : int
        d, of a vector.
    per_step : int
        Pictures that a step learns from, at most.
    """

    pixels: torch.Tensor
    made: torch.Tensor

    def __init__(self, pixels: torch.Tensor, dimension: int, per_step: int) -> None:
        super().__init__()
        self._per_step = per_step
        layers: list[nn.Module] = []
        for before, after in zip((CHANNELS, *_WIDTHS), _WIDTHS, strict=False):
            layers += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GELU()]
        self.layers = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(_WIDTHS[-1], dimension))
        self.register_buffer("pixels", pixels, persistent=False)
        self.register_buffer("made", torch.zeros(len(pixels), dimension), persistent=False)

    def refresh(self) -> None:
        """Make the vectors of all pictures anew, so that none depends on what steps came before."""
        with torch.no_grad():
            for start in range(0, len(self.made), _TOGETHER):
                self.made[start : start + _TOGETHER] = self._run(self.pixels[start : start + _TOGETHER])

    def forward(self, places: torch.Tensor) -> torch.Tensor:
        """Vectors of distinct pictures, int64 (n,) to float32 (n, d); when not in training, as `refresh` made them."""
        vectors = self.made[places]
        if not self.training:
            return vectors
        drawn = torch.randperm(len(places), device=places.device)[: self._per_step]
        fresh = self._run(self.pixels[places[drawn]])
        self.made[places[drawn]] = fresh.detach()
        return vectors.index_put((drawn,), fresh)

    def _run(self, pixels: torch.Tensor) -> torch.Tensor:
        vectors: torch.Tensor = self.layers(pixels.float() / 127.5 - 1)
        return vectors
