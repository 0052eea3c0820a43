"""Content: items are the words that describe them, weighted by how telling these are."""

from dataclasses import dataclass, replace
from typing import Any, Final, Literal

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


@dataclass(frozen=True, eq=False)
class WordSpace:
    """Where items lie by their words.

    Attributes
    ----------
    words : list of str
        Those that count; none where only other things are known of items.
    rarity : float64 (words,) or None
        What each weighs; None: as often as it is there.
    directions : float64 (d, words) or None
        What vectors are reduced to; None: not.
    """

    words: list[str]
    rarity: NDArray[np.float64] | None
    directions: NDArray[np.float64] | None

    def vectors(self, tokens: list[list[str]]) -> NDArray[np.float32]:
        """Unit vectors of items, float32 (N, d); zeros for one without a word that counts."""
        if not self.words:
            return np.zeros((len(tokens), 1), np.float32)
        words = self.weighted(tokens)
        if self.directions is None:
            return np.ascontiguousarray(words.toarray(), dtype=np.float32)
        return np.ascontiguousarray(normalize(words @ self.directions.T), dtype=np.float32)

    def weighted(self, tokens: list[list[str]]) -> csr_array:
        """Unit vectors of items over all words, float64 (N, words)."""
        vectorizer = _vectorizer(by_rarity=self.rarity is not None, vocabulary=self.words)
        if self.rarity is None:
            return csr_array(vectorizer.fit_transform(tokens))
        vectorizer.idf_ = self.rarity
        return csr_array(vectorizer.transform(tokens))


def _vectorizer(*, by_rarity: bool, **options: Any) -> TfidfVectorizer:
    return TfidfVectorizer(analyzer=list, use_idf=by_rarity, sublinear_tf=by_rarity, dtype=np.float64, **options)


def word_space(tokens: list[list[str]], known: NDArray[np.bool_], settings: TfidfSettings, seed: int) -> WordSpace:
    """Words weighted, and reduced to the directions in which items differ most.

    Parameters
    ----------
    tokens : list of list of str
        The words of each of N items.
    known : bool (N,)
        The items that weights and directions are learned from.
    settings : TfidfSettings
        There are `dimension` directions, or fewer where there are fewer words or known items.
    seed : int
        Of the reduction.

    Raises
    ------
    DataError
        No word describes as many known items as it must.
    """
    by_rarity = settings.weighting == "tfidf"
    vectorizer = _vectorizer(by_rarity=by_rarity, min_df=settings.min_items)
    described = [words for words, is_known in zip(tokens, known, strict=True) if is_known]
    try:
        vectorizer.fit(described)
    except ValueError:
        raise DataError(
            f"no word describes {settings.min_items:,} items, so none are alike; lower model.min_items, or describe "
            "items in words that they share"
        ) from None
    words = vectorizer.get_feature_names_out().tolist()
    space = WordSpace(words, vectorizer.idf_ if by_rarity else None, None)
    if len(words) <= settings.dimension:
        return space
    reduction = TruncatedSVD(min(settings.dimension, len(described)), random_state=seed)
    return replace(space, directions=reduction.fit(space.weighted(described)).components_)


def _make(settings: TfidfSettings, train: Interactions, catalogue: Catalogue, seed: int, device: str) -> PooledModel:  # noqa: ARG001
    tokens = item_tokens(catalogue, "tfidf")
    known = np.bincount(train.items, minlength=catalogue.item_count) > 0
    return PooledModel(train, lambda: (word_space(tokens, known, settings, seed).vectors(tokens), 0.0))


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
