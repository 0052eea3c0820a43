"""Skip-gram with negative sampling (Mikolov et al. 2013), by gensim, the same for the same seed."""

import zlib
from collections.abc import Iterable
from typing import Final

import numpy as np
from gensim.models import Word2Vec
from gensim.models.callbacks import CallbackAny2Vec
from numpy.typing import NDArray

from recstream_trainer.models.epoch_share import tell

_LONGEST: Final = 10_000
"""Words that gensim reads of a sentence; it leaves out the rest."""


class _Teller(CallbackAny2Vec):  # type: ignore[misc]  # gensim has no types
    """Tells after each pass how much is done."""

    def __init__(self, passes: int) -> None:
        self._done, self._passes = 0, passes

    def on_epoch_end(self, model: Word2Vec) -> None:  # noqa: ARG002 - gensim's signature
        self._done += 1
        tell(self._done, self._passes)


def word_vectors(
    sentences: Iterable[list[str]], *, dimension: int, window: int, min_count: int, epochs: int, seed: int
) -> tuple[dict[str, int], NDArray[np.float32]]:
    """Vectors of words that are alike where the words have the same neighbours.

    Parameters
    ----------
    sentences : iterable of list of str
    dimension : int
        d.
    window : int
        Words to each side that count as neighbours, at most.
    min_count : int
        Words that are rarer have no vector.
    epochs : int
    seed : int

    Returns
    -------
    dict of str to int
        Row of each word; empty if none is frequent enough.
    float32 (words, d)
    """
    pieces = [words[start : start + _LONGEST] for words in sentences for start in range(0, len(words), _LONGEST)]
    # Frequent words are not left out: here they are genres and much-loved items, and there is little text to spare.
    # With one worker the order of the steps does not depend on the threads, and Python salts its own hash of text.
    model = Word2Vec(
        vector_size=dimension,
        window=window,
        min_count=min_count,
        sg=1,
        sample=0,
        workers=1,
        seed=seed,
        hashfxn=lambda text: zlib.adler32(str(text).encode()),
    )
    model.build_vocab(pieces)
    if len(model.wv):
        model.train(pieces, total_examples=model.corpus_count, epochs=epochs, callbacks=[_Teller(epochs)])
    return model.wv.key_to_index, np.asarray(model.wv.vectors, dtype=np.float32)


def centred(vectors: NDArray[np.float32], known: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Unit vectors of what sets each item apart: its vector without the mean of the known ones.

    Skip-gram vectors of frequent words share a direction, in which everything is like everything.

    Parameters
    ----------
    vectors : float32 (N, d)
        Zeros for an item of which nothing is known; it keeps them.
    known : bool (N,)
        Items that count for the mean; at least one.
    """
    described = np.abs(vectors).sum(axis=1) > 0
    apart = np.where(described[:, None], vectors - vectors[known].mean(axis=0), 0)
    lengths = np.linalg.norm(apart, axis=1, keepdims=True)
    return np.ascontiguousarray(apart / np.where(lengths > 0, lengths, 1), dtype=np.float32)
