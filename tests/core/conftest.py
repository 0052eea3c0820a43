"""Makers of what the core's classes are built from, and the oracle of its scores."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recstream import _core

MakeIdTable = Callable[[Sequence[str]], _core.IdTable]
ExactScores = Callable[[NDArray[np.float32], NDArray[np.float32]], NDArray[np.float64]]


@pytest.fixture(scope="session")
def make_id_table() -> MakeIdTable:
    """Make an IdTable of texts."""

    def make(ids: Sequence[str]) -> _core.IdTable:
        encoded = [text.encode() for text in ids]
        offsets = np.zeros(len(encoded) + 1, np.int64)
        offsets[1:] = np.cumsum([len(text) for text in encoded], dtype=np.int64)
        return _core.IdTable(np.frombuffer(b"".join(encoded), np.uint8), offsets)

    return make


@pytest.fixture(scope="session")
def exact_scores() -> ExactScores:
    """Score (N,) rows for one query in float64, in the order of additions that the core promises."""

    def score(vectors: NDArray[np.float32], query: NDArray[np.float32]) -> NDArray[np.float64]:
        products = vectors.astype(np.float64) * query.astype(np.float64)
        sums = np.zeros((len(vectors), 8))
        for j in range(products.shape[1]):
            sums[:, j % 8] += products[:, j]
        left = (sums[:, 0] + sums[:, 4]) + (sums[:, 2] + sums[:, 6])
        right = (sums[:, 1] + sums[:, 5]) + (sums[:, 3] + sums[:, 7])
        return left + right

    return score


@dataclass
class World:
    """A small model, and engines on it."""

    item_ids: list[str]
    item_vectors: NDArray[np.float32]
    popularity: NDArray[np.float32]
    user_ids: list[str]
    user_vectors: NDArray[np.float32]
    pointers: NDArray[np.int64]
    history_rows: NDArray[np.int32]
    history_weights: NDArray[np.float32]
    encoder: _core.UserEncoder
    make_id_table: MakeIdTable

    def arguments(self) -> dict[str, Any]:
        """Arguments of Engine."""
        return {
            "item_ids": self.make_id_table(self.item_ids),
            "item_vectors": self.item_vectors,
            "item_popularity": self.popularity,
            "user_ids": self.make_id_table(self.user_ids),
            "user_vectors": self.user_vectors,
            "history": (self.pointers, self.history_rows, self.history_weights),
            "encoder": self.encoder,
        }

    def engine(self, **options: int) -> _core.Engine:
        """Make an engine without events."""
        return _core.Engine(**self.arguments(), **options)


MakeWorld = Callable[..., World]


@pytest.fixture(scope="session")
def make_world(make_id_table: MakeIdTable) -> MakeWorld:
    """Make a world of items i0, i1, ... and users u0, u1, ... with `history` items each, but none for u0."""

    def make(
        *, items: int = 30, users: int = 4, dimension: int = 5, history: int = 6, encoder: str = "als", seed: int = 0
    ) -> World:
        rng = np.random.default_rng(seed)
        vectors = rng.standard_normal((items, dimension)).astype(np.float32)
        # A repeated vector makes ties; popularity ties come from its few values.
        vectors[items // 2 :: 5] = vectors[items // 2 : items // 2 + 1]
        lengths = [min(history, items) if user else 0 for user in range(users)]
        rows = [rng.permutation(items)[:length] for length in lengths]
        return World(
            item_ids=[f"i{row}" for row in range(items)],
            item_vectors=vectors,
            popularity=rng.integers(0, 6, items).astype(np.float32),
            user_ids=[f"u{row}" for row in range(users)],
            user_vectors=rng.standard_normal((users, dimension)).astype(np.float32),
            pointers=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            history_rows=np.concatenate([*rows, []]).astype(np.int32),
            history_weights=rng.choice([1.0, 0.5, 2.0], sum(lengths)).astype(np.float32),
            encoder=make_encoder(encoder, vectors),
            make_id_table=make_id_table,
        )

    return make


def make_encoder(kind: str, vectors: NDArray[np.float32]) -> _core.UserEncoder:
    if kind == "als":
        return _core.UserEncoder.als_fold_in(
            vectors, unobserved_weight=0.1, regularization=0.05, regularization_exponent=0.5
        )
    if kind == "pooling":
        return _core.UserEncoder.decayed_pooling(vectors, half_life_events=3.0)
    return _core.UserEncoder.constant(np.linspace(-1, 2, vectors.shape[1]).astype(np.float32))
