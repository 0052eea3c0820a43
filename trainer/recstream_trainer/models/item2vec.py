"""Item2vec (Barkan and Koenigstein 2016): histories read as sentences, whose words are items."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from recstream.errors import DataError
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.model import Family, FamilySettings
from recstream_trainer.models.pooled_model import PooledModel
from recstream_trainer.models.skip_gram import centred, word_vectors


class Item2vecSettings(FamilySettings):
    """Settings of `item2vec`."""

    dimension: int = Field(default=64, ge=1, le=2048, description="numbers in a vector")
    window: int = Field(default=50, ge=1, description="items before and after that count as neighbours, at most")
    epochs: int = Field(default=30, ge=1, description="passes over the histories")


def _make(
    settings: Item2vecSettings,
    train: Interactions,
    catalogue: Catalogue,
    seed: int,
    device: str,  # noqa: ARG001 - of the shape that families share
) -> PooledModel:
    if not (train.counts > 1).any():
        raise DataError("--model item2vec: nobody has two interactions, so no item has a neighbour; try tfidf")

    def learn() -> tuple[NDArray[np.float32], float]:
        histories = (train.of(user).astype(str).tolist() for user in range(train.user_count))
        rows, vectors = word_vectors(
            histories,
            dimension=settings.dimension,
            window=settings.window,
            min_count=1,
            epochs=settings.epochs,
            seed=seed,
        )
        items = np.zeros((catalogue.item_count, settings.dimension), dtype=np.float32)
        items[[int(code) for code in rows]] = vectors
        return centred(items, np.bincount(train.items, minlength=len(items)) > 0), 0.0

    return PooledModel(train, learn)


def _memory_bytes(settings: Item2vecSettings, users: int, items: int, interactions: int) -> int:
    # Items as text, about sixty bytes each time; both layers and the result; the users.
    return interactions * 68 + items * settings.dimension * 4 * 4 + users * settings.dimension * 12


FAMILY: Final = Family(
    name="item2vec",
    summary="items that stand beside each other in histories are alike (skip-gram); users are the mean of theirs",
    settings=Item2vecSettings,
    make=_make,
    memory_bytes=_memory_bytes,
    fades=True,
    single_pass=True,
    quick={"dimension": 32, "epochs": 2},
)
