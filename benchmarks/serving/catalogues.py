"""What all contenders hold and are asked: bundles, and the requests of their users."""

import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.serving.programs import WORK
from benchmarks.topk.vectors import synthetic
from recstream.bundle import AlsFoldIn, Bundle, BundleContent, DataRecord, TrainingRecord, load_bundle, write_bundle

DIMENSION = 64
SYNTHETIC_USERS = 10_000
SIZES = {"ml-1m": None, "100k": 100_000, "1M": 1_000_000}
"""Items of the synthetic ones, with skewed norms; ml-1m is an ALS model."""


@dataclass(frozen=True, eq=False)
class Catalogue:
    """A bundle, and what a right answer to its users is.

    Attributes
    ----------
    name : one of `SIZES`
    path : Path
        Of the bundle.
    seed : int
        Of synthetic vectors, and of the order in which users ask.
    """

    name: str
    path: Path
    seed: int

    @cached_property
    def bundle(self) -> Bundle:
        return load_bundle(self.path)

    @cached_property
    def rows_of_items(self) -> dict[str, int]:
        return {item_id: row for row, item_id in enumerate(self.bundle.item_ids.to_list())}

    def users(self, count: int) -> NDArray[np.int64]:
        """Rows of users, drawn uniformly: never one user again and again, which would measure caches."""
        return np.random.default_rng([self.seed, 7]).integers(0, len(self.bundle.user_ids), count)

    def seen(self, user: int) -> NDArray[np.int32]:
        """Rows of the items that an answer leaves out."""
        first, last = self.bundle.history_indptr[user : user + 2]
        return np.asarray(self.bundle.history_rows[first:last])

    def scores(self, user: int) -> NDArray[np.float64]:
        """Of all items, in float64."""
        scores: NDArray[np.float64] = self._vectors @ np.asarray(self.bundle.user_vectors[user], np.float64)
        return scores

    def expected(self, user: int, k: int) -> set[int]:
        """Rows of the exact top K, in float64."""
        if (user, k) not in self._expected:
            scores = self.scores(user)
            scores[self.seen(user)] = -np.inf
            self._expected[user, k] = set(np.argpartition(scores, -k)[-k:].tolist())
        return self._expected[user, k]

    @cached_property
    def _vectors(self) -> NDArray[np.float64]:
        return np.asarray(self.bundle.item_vectors, np.float64)

    @cached_property
    def _expected(self) -> dict[tuple[int, int], set[int]]:
        return {}


def open_catalogue(name: str, seed: int) -> Catalogue:
    """Make the bundle, or take the one of an earlier run."""
    size = SIZES[name]
    path = WORK / (f"{name}.bundle" if size is None else f"{name}-{seed}.bundle")
    if not path.exists():
        WORK.mkdir(parents=True, exist_ok=True)
        if size is None:
            train(path)
        else:
            write_synthetic(path, size, seed)
    return Catalogue(name, path, seed)


def train(path: Path) -> None:
    command = [str(Path(sys.executable).parent / "recstream"), "train", "--model", "als", "--data", "ml-1m"]
    command += ["--out", str(path), "--set", f"model.dimension={DIMENSION}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def write_synthetic(path: Path, items: int, seed: int) -> None:
    made = synthetic("skewed", items, SYNTHETIC_USERS, DIMENSION, seed)
    nothing = (np.zeros(SYNTHETIC_USERS + 1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32))
    write_bundle(
        path,
        BundleContent(
            name=f"synthetic-{items}",
            family="als",
            item_ids=[f"item-{number}" for number in range(items)],
            item_vectors=made.vectors,
            item_popularity=np.ones(items, np.float32),
            user_ids=[str(number) for number in range(SYNTHETIC_USERS)],
            user_vectors=made.queries,
            history=nothing,
            encoder=AlsFoldIn(unobserved_weight=0.1, regularization=0.1, regularization_exponent=0.5),
            items=pl.DataFrame({"title": [f"Item {number}" for number in range(items)]}),
            metrics={},
            training=TrainingRecord(seed=seed, protocol=None, config={}),
            data=DataRecord(name="random", interactions=0, fingerprint="0" * 64),
        ),
    )
