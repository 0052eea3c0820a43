"""Content: items are the mean of the vectors of their words, which are learned from the items' descriptions."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array

from recstream.errors import DataError
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.item_text import item_tokens
from recstream_trainer.models.model import Family, FamilySettings
from recstream_trainer.models.pooled_model import PooledModel
from recstream_trainer.models.skip_gram import centred, word_vectors


class Word2vecSettings(FamilySettings):
    """Settings of `word2vec`."""

    dimension: int = Field(default=64, ge=1, le=2048, description="numbers in a vector")
    window: int = Field(default=20, ge=1, description="words before and after that count as neighbours, at most")
    min_items: int = Field(default=2, ge=1, description="times that a word must be used to count")
    epochs: int = Field(default=30, ge=1, description="passes over the descriptions")


def described_by(
    tokens: list[list[str]], known: NDArray[np.bool_], settings: Word2vecSettings, seed: int
) -> NDArray[np.float32]:
    """Unit vectors of N items, float32 (N, d): the mean of their words', rare ones weighing more, and centred.

    Words and weights are learned from the `known` items; an item without a known word has zeros.

    Raises
    ------
    DataError
        No word is used as often as it must be.
    """
    rows, vectors = word_vectors(
        [words for words, is_known in zip(tokens, known, strict=True) if is_known],
        dimension=settings.dimension,
        window=settings.window,
        min_count=settings.min_items,
        epochs=settings.epochs,
        seed=seed,
    )
    if not rows:
        raise DataError(f"--model word2vec: no word is used {settings.min_items:,} times; lower model.min_items")
    described = [sorted({rows[word] for word in words if word in rows}) for words in tokens]
    indptr = np.cumsum([0, *map(len, described)])
    words = np.concatenate([np.array(own, dtype=np.int64) for own in described])
    matrix = csr_array((np.ones(len(words)), words, indptr), shape=(len(tokens), len(rows)))
    items_of = matrix[known].sum(axis=0)
    rarity = np.log((1 + known.sum()) / (1 + items_of)) + 1
    weighted = matrix.multiply(rarity[None, :]).tocsr()
    totals = weighted.sum(axis=1)
    means = (weighted @ vectors.astype(np.float64)) / np.where(totals > 0, totals, 1)[:, None]
    return centred(means.astype(np.float32), known)


def _make(
    settings: Word2vecSettings,
    train: Interactions,
    catalogue: Catalogue,
    seed: int,
    device: str,  # noqa: ARG001 - of the shape that families share
) -> PooledModel:
    tokens = item_tokens(catalogue, "word2vec")
    known = np.bincount(train.items, minlength=catalogue.item_count) > 0
    return PooledModel(train, lambda: (described_by(tokens, known, settings, seed), 0.0))


def _memory_bytes(settings: Word2vecSettings, users: int, items: int, interactions: int) -> int:
    # Twenty words an item, as text; as many different words as items, in both layers; the items and the users.
    return items * 20 * 80 + (4 * items * 4 + users * 12) * settings.dimension + interactions * 8


FAMILY: Final = Family(
    name="word2vec",
    summary="content: items are the mean of their words' vectors, learned from the descriptions (skip-gram)",
    settings=Word2vecSettings,
    make=_make,
    memory_bytes=_memory_bytes,
    fades=True,
    single_pass=True,
    quick={"dimension": 32, "epochs": 5},
)
