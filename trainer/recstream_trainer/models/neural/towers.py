"""The two towers: items from their id and their content, users from the items they had."""

from collections.abc import Collection

import torch
from torch import nn

from recstream.errors import ConfigurationError
from recstream_trainer.datasets.images import FILE, VECTOR
from recstream_trainer.models.neural.item_features import ItemFeatures
from recstream_trainer.models.neural.picture_tower import PictureTower

INPUTS = ("rows", "weights")


class Residual(nn.Module):
    """A hidden layer that adds to what it reads."""

    def __init__(self, dimension: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(dimension, hidden), nn.GELU(), nn.Linear(hidden, dimension))

    def forward(self, vectors: torch.Tensor) -> torch.Tensor:
        """Vectors (..., d) to vectors (..., d)."""
        changed: torch.Tensor = vectors + self.layers(vectors)
        return changed


class ServedEncoder(nn.Module):
    """Histories to vectors: the weighted mean of the item vectors, through the user tower."""

    table: torch.Tensor

    def __init__(self, item_vectors: torch.Tensor, user_tower: nn.Module) -> None:
        super().__init__()
        # Row N is that of padding.
        self.register_buffer("table", nn.functional.pad(item_vectors, (0, 0, 0, 1)))
        self.user_tower = user_tower

    def forward(self, rows: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        """int64 (B, L) and float32 (B, L) to float32 (B, d); what weighs less than nothing is left out."""
        return user_vectors(self.user_tower, self.table[rows], weights.clamp(min=0))


def user_vectors(user_tower: nn.Module, read: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """The vectors of histories, (B, L, d), with weights of 0 or more, (B, L), to float32 (B, d)."""
    total = weights.sum(1, keepdim=True).clamp(min=1e-12)
    vectors: torch.Tensor = user_tower(((weights / total)[:, None] @ read)[:, 0])
    return vectors


def require_same_images(towers: "Towers", inherited: Collection[str]) -> None:
    """Make sure that both read images, in the same ways, or neither does.

    Parameters
    ----------
    towers : Towers
    inherited : collection of str
        Names of parameters of others.

    Raises
    ------
    ConfigurationError
    """
    for part, column in (("image", VECTOR), ("pictures", FILE)):
        theirs = any(name.startswith(f"{part}.") for name in inherited)
        if theirs != (getattr(towers, part) is not None):
            raise ConfigurationError(
                f"--init-from: {'has' if theirs else 'has not'} learned from items' {column}, and these items have "
                f"{'none; give' if theirs else 'them; leave out'} that column, or train without --init-from"
            )


class Towers(nn.Module):
    """Both towers.

    Parameters
    ----------
    features : ItemFeatures
    dimension : int
        d, of all vectors.
    hidden : int
        Numbers of the hidden layers.
    id_dropout : float
        Share of the items that a training step sees without their id, so that content alone learns to speak for them.
    images_per_step : int
        Pictures that a step learns from, at most.
    """

    known: torch.Tensor
    words: torch.Tensor
    codes: torch.Tensor
    image_vectors: torch.Tensor
    picture_of: torch.Tensor

    def __init__(
        self, features: ItemFeatures, *, dimension: int, hidden: int, id_dropout: float, images_per_step: int
    ) -> None:
        super().__init__()
        self._id_dropout = id_dropout
        self.ids = nn.Embedding(len(features.known), dimension)
        self.text = nn.Linear(features.text.shape[1], dimension)
        self.values = nn.EmbeddingBag(features.value_count + 1, dimension, mode="sum", padding_idx=features.value_count)
        nn.init.normal_(self.ids.weight, std=0.05)
        nn.init.normal_(self.values.weight, std=0.05)
        with torch.no_grad():
            self.values.weight[features.value_count] = 0
        images = features.images
        # Items without an image are not told apart from one whose image says nothing.
        width = images.vectors.shape[1]
        self.image = nn.Linear(width, dimension, bias=False) if width else None
        pixels = torch.from_numpy(images.pixels)
        self.pictures = PictureTower(pixels, dimension, images_per_step) if len(pixels) else None
        self.item_tower = Residual(dimension, hidden)
        self.user_tower = Residual(dimension, hidden)
        for name, array in (
            ("known", features.known),
            ("words", features.text),
            ("codes", features.values),
            ("image_vectors", images.vectors),
            ("picture_of", images.picture_of),
        ):
            self.register_buffer(name, torch.from_numpy(array), persistent=False)

    def refresh(self) -> None:
        """Make anew what is kept of earlier steps; before an epoch, and before `items` when not in training."""
        if self.pictures is not None:
            self.pictures.refresh()

    def items(self, rows: torch.Tensor) -> torch.Tensor:
        """Vectors of distinct items, int64 (n,) to float32 (n, d); those that are not known by content alone."""
        kept = self.known[rows]
        if self.training:
            kept = kept & (torch.rand(len(rows), device=rows.device) >= self._id_dropout)
        content = self.text(self.words[rows]) + self.values(self.codes[rows])
        if self.image is not None:
            content = content + self.image(self.image_vectors[rows])
        if self.pictures is not None:
            shown = torch.nonzero(self.picture_of[rows] >= 0)[:, 0]
            content = content.index_add(0, shown, self.pictures(self.picture_of[rows[shown]]))
        vectors: torch.Tensor = self.item_tower(content + self.ids(rows) * kept[:, None])
        return vectors
