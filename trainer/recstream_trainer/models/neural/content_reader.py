"""From a table of items to what a tower reads, in the same way for another table."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from recstream.errors import ConfigurationError, DataError
from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.item_text import Reading, nothing_known, read_tokens, reading_of
from recstream_trainer.models.model import Learned
from recstream_trainer.models.neural.item_features import ItemFeatures, item_features
from recstream_trainer.models.neural.item_images import read_images
from recstream_trainer.models.predecessor import Predecessor
from recstream_trainer.models.tfidf import TfidfSettings, WordSpace, word_space

_RARITY, _DIRECTIONS = "words.rarity", "words.directions"


class _Facts(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    edges: dict[str, list[float]]
    repeating: dict[str, bool]
    words: list[str]
    values: list[str]


@dataclass(frozen=True, eq=False)
class ContentReader:
    """What words and values mean to the towers.

    Attributes
    ----------
    reading : Reading
    space : WordSpace
        By rarity.
    values : list of str
        Values of attributes by code.
    """

    reading: Reading
    space: WordSpace
    values: list[str]

    def learned(self, weights: Mapping[str, NDArray[Any]]) -> Learned:
        """What a later training needs of it, with the weights of the towers."""
        facts = _Facts(
            edges={name: list(edges) for name, edges in self.reading.edges.items()},
            repeating=dict(self.reading.repeating),
            words=self.space.words,
            values=self.values,
        )
        arrays = {_RARITY: self.space.rarity, _DIRECTIONS: self.space.directions}
        known = {name: array for name, array in arrays.items() if array is not None}
        return Learned({**weights, **known}, facts.model_dump())


def read_content(
    catalogue: Catalogue,
    known: NDArray[np.bool_],
    *,
    text_dimension: int,
    image_size: int,
    seed: int,
    inherited: ContentReader | None = None,
) -> tuple[ContentReader, ItemFeatures]:
    """Features of items, and how they were made.

    Parameters
    ----------
    catalogue : Catalogue
        Of N items.
    known : bool (N,)
        The items that there is something to learn from.
    text_dimension : int
        Numbers that words are reduced to, at most.
    image_size : int
        Pixels to a side that pictures are brought to.
    seed : int
        Of that reduction.
    inherited : ContentReader, optional
        Reads these items as it read others; values of attributes that it does not know come after its own.

    Raises
    ------
    DataError
        Nothing is known about the items, or an image cannot be read.
    """
    images = read_images(catalogue.images, catalogue.item_count, image_size)
    has_images = bool(images.vectors.shape[1] or len(images.pixels))
    reading = reading_of(catalogue.attributes)
    if inherited is not None:
        reading = inherited.reading.followed_by(reading)
    tokens = read_tokens(catalogue, reading)
    if not any(tokens) and not has_images:
        raise nothing_known("two_tower")
    space = _space(tokens, known, text_dimension, seed, optional=has_images) if inherited is None else inherited.space
    features = item_features(tokens, space.vectors(tokens), known, images, inherited.values if inherited else ())
    return ContentReader(reading, space, features.vocabulary), features


def _space(
    tokens: list[list[str]], known: NDArray[np.bool_], dimension: int, seed: int, *, optional: bool
) -> WordSpace:
    try:
        return word_space(tokens, known, TfidfSettings(dimension=dimension), seed)
    except DataError:
        if not optional:
            raise
        return WordSpace([], np.zeros(0), None)


def inherited_content(predecessor: Predecessor) -> tuple[ContentReader, dict[str, NDArray[Any]]]:
    """The reader that `ContentReader.learned` put away, and the weights beside it.

    Raises
    ------
    ConfigurationError
        The parts do not belong together.
    """
    weights = dict(predecessor.weights)
    rarity, directions = weights.pop(_RARITY, None), weights.pop(_DIRECTIONS, None)
    try:
        facts = _Facts.model_validate(dict(predecessor.facts))
    except ValidationError as error:
        problem = error.errors()[0]
        raise ConfigurationError(
            f"--init-from: weights.npz is damaged at {'.'.join(map(str, problem['loc']))!r}; train that bundle again"
        ) from None
    count = len(facts.words)
    fits = len(set(facts.words)) == count and len(set(facts.values)) == len(facts.values)
    fits = fits and rarity is not None and rarity.shape == (count,) and rarity.dtype == np.float64
    if directions is not None:
        fits = fits and directions.ndim == 2 and directions.shape[1] == count and directions.dtype == np.float64
    if not fits:
        raise ConfigurationError(f"--init-from: weights.npz is damaged at its {count:,} words; train that bundle again")
    space = WordSpace(facts.words, rarity, directions)
    return ContentReader(Reading(facts.edges, facts.repeating), space, facts.values), weights
