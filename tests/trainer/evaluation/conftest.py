"""A small data set of films with genres, and bundles trained on parts of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from recstream_trainer.datasets import CleaningRules, Dataset
from recstream_trainer.datasets.cleaning import clean
from recstream_trainer.datasets.raw_tables import RawTables
from recstream_trainer.evaluation import Interactions, Split, split

from recstream.bundle import Bundle, BundleContent, Constant, DataRecord, TrainingRecord, load_bundle, write_bundle

USERS, ITEMS, DIMENSION = 30, 20, 4
MakeBundle = Callable[..., Bundle]


@pytest.fixture(scope="session")
def films() -> Dataset:
    """Everybody rated 12 to 20 of 20 films."""
    random = np.random.default_rng(11)
    cells = [(user, item) for user in range(USERS) for item in random.permutation(ITEMS)[: random.integers(12, 21)]]
    rows = pl.DataFrame(
        {
            "user": [f"u{user}" for user, _ in cells],
            "item": [f"i{item}" for _, item in cells],
            "rating": random.integers(1, 6, len(cells)),
            "timestamp": random.permutation(len(cells)),
        }
    )
    genres = [[["Drama"], ["Comedy", "Drama"], ["Crime"], None][item % 4] for item in range(ITEMS)]
    items = pl.DataFrame({"item": [f"i{item}" for item in range(ITEMS)], "genres": genres})
    return clean("films", RawTables(rows, items), CleaningRules())


def history_of(parts: Split) -> Interactions:
    """What a model that was fitted on the train part has seen."""
    return parts.train


@pytest.fixture
def make_bundle(tmp_path: Path, films: Dataset) -> MakeBundle:
    """Write a bundle of random vectors, that says and shows what it was trained on."""

    def make(
        protocol: str | None = "C",
        seed: int = 7,
        history: Callable[[Split], Interactions] = history_of,
        fingerprint: str = films.fingerprint,
    ) -> Bundle:
        parts = split(films, "A" if protocol == "A" else "C", seed)
        seen = history(parts)
        random = np.random.default_rng(seed)
        content = BundleContent(
            name="films-als",
            family="als",
            item_ids=parts.item_ids,
            item_vectors=random.normal(size=(len(parts.item_ids), DIMENSION)).astype(np.float32),
            item_popularity=np.ones(len(parts.item_ids), dtype=np.float32),
            user_ids=parts.user_ids,
            user_vectors=random.normal(size=(len(parts.user_ids), DIMENSION)).astype(np.float32),
            history=(seen.indptr, seen.items, seen.weights),
            encoder=Constant((0.0,) * DIMENSION),
            items=films.items[parts.item_codes],
            metrics={},
            training=TrainingRecord(seed, protocol, {"dimension": DIMENSION}),
            data=DataRecord(films.name, len(seen), fingerprint),
        )
        write_bundle(tmp_path / "bundle", content)
        return load_bundle(tmp_path / "bundle")

    return make
