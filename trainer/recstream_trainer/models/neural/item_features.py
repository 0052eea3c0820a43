"""What is known about items, as a tower reads it: words as a vector, values of attributes, and images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recstream_trainer.models.neural.item_images import ItemImages

_MOST_VALUES: Final = 64
"""Of one item; further ones are left out."""


@dataclass(frozen=True, eq=False)
class ItemFeatures:
    """Features of N items.

    Attributes
    ----------
    text : float32 (N, f)
        Zeros where nothing is known.
    values : int64 (N, m)
        Codes of the item's values; `value_count` where it has fewer.
    vocabulary : list of str
        The values by code.
    known : bool (N,)
        Items that there is something to learn from; others have no embedding of their own.
    images : ItemImages
    """

    text: NDArray[np.float32]
    values: NDArray[np.int64]
    vocabulary: list[str]
    known: NDArray[np.bool_]
    images: ItemImages

    @property
    def value_count(self) -> int:
        """Different values."""
        return len(self.vocabulary)


def item_features(
    tokens: list[list[str]],
    text: NDArray[np.float32],
    known: NDArray[np.bool_],
    images: ItemImages,
    inherited: Sequence[str] = (),
) -> ItemFeatures:
    """Features from images and what `read_tokens` gives: words with a ``=`` or ``#`` are values of attributes.

    Values that no known item has are left out, for nothing could be learned of them, unless they are `inherited`: these
    come first, in their order.
    """
    valued = [[word for word in words if "=" in word or "#" in word][:_MOST_VALUES] for words in tokens]
    there = {word for words, is_known in zip(valued, known, strict=True) if is_known for word in words}
    vocabulary = [*inherited, *sorted(there.difference(inherited))]
    code_of = {word: code for code, word in enumerate(vocabulary)}
    codes = [[code_of[word] for word in words if word in code_of] for words in valued]
    values = np.full((len(tokens), max(1, *map(len, codes))), len(vocabulary), dtype=np.int64)
    for row, own in zip(values, codes, strict=True):
        row[: len(own)] = own
    return ItemFeatures(text, values, vocabulary, known, images)
