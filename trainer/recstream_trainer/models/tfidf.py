"""Content: items are the words that describe them, weighted by how telling these are."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csr_array
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from recstream.errors import DataError
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.item_text import item_tokens
from recstream_trainer.models.model import Family, FamilySettings
from recstream_trainer.models.pooled_model import PooledModel


class TfidfSettings(FamilySettings):
    """Settings of `tfidf`."""

    dimension: int = Field(default=128, ge=1, le=2048, description="numbers in a vector, at most")
    weighting: Literal["tfidf", "counts"] = Field(
        default="tfidf", description="words by how rare they are among the items, or by their number (bag of words)"
    )
    min_items: int = Field(default=2, ge=1, description="items that a word must describe to count")


def content_vectors(
    tokens: list[list[str]], known: NDArray[np.bool_], settings: TfidfSettings, seed: int
) -> NDArray[np.float32]:
    """Unit vectors of the items, by words weighted and reduced to the directions in which items differ most.

    Parameters
    ----------
    tokens : list of list of str
        The words of each of N items.
    known : bool (N,)
        The items that weights and directions are learned from; the others are read with what was learned.
    settings : TfidfSettings
    seed : int
        Of the reduction.

    Returns
    -------
    float32 (N, d)
        d is `dimension`, or fewer where there are fewer words or known items. Zeros for an item without a word that
        counts.

    Raises
    ------
    DataError
        No word describes as many known items as it must.
    """
    by_rarity = settings.weighting == "tfidf"
    vectorizer = TfidfVectorizer(
        analyzer=list, min_df=settings.min_items, use_idf=by_rarity, sublinear_tf=by_rarity, dtype=np.float64
    )
    try:
        vectorizer.fit([words for words, is_known in zip(tokens, known, strict=True) if is_known])
    except ValueError:
        raise DataError(
            f"no word describes {settings.min_items:,} items, so none are alike; lower model.min_items, or describe "
            "items in words that they share"
        ) from None
    words = csr_array(vectorizer.transform(tokens))
    if words.shape[1] <= settings.dimension:
        return np.ascontiguousarray(words.toarray(), dtype=np.float32)
    reduction = TruncatedSVD(min(settings.dimension, int(known.sum())), random_state=seed).fit(words[known])
    return np.ascontiguousarray(normalize(reduction.transform(words)), dtype=np.float32)


def _make(settings: TfidfSettings, train: Interactions, catalogue: Catalogue, seed: int, device: str) -> PooledModel:  # noqa: ARG001
    tokens = item_tokens(catalogue, "tfidf")
    known = np.bincount(train.items, minlength=catalogue.item_count) > 0
    return PooledModel(train, lambda: (content_vectors(tokens, known, settings, seed), 0.0))


def _memory_bytes(settings: TfidfSettings, users: int, items: int, interactions: int) -> int:
    # Words of items as text and as a matrix, about twenty each; the reduction in float64, with its random start.
    words = items * 20 * (64 + 16)
    return words + (4 * items * 8 + users * 12) * settings.dimension + interactions * 8


FAMILY: Final = Family(
    name="tfidf",
    summary="content: the words that describe items, weighted and reduced; new items need no interactions",
    settings=TfidfSettings,
    make=_make,
    memory_bytes=_memory_bytes,
    fades=True,
    single_pass=True,
    quick={"dimension": 32},
)
