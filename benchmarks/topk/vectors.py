"""The three kinds of vectors: equal norms, skewed norms, and those that a trained model has."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from recstream.bundle import load_bundle

CHUNK = 250_000


@dataclass(frozen=True)
class VectorSet:
    """A catalogue, and queries for it.

    Attributes
    ----------
    vectors : float32 (N, d), C-contiguous
    queries : float32 (Q, d), C-contiguous
    """

    kind: str
    vectors: NDArray[np.float32]
    queries: NDArray[np.float32]


def synthetic(kind: str, items: int, queries: int, dimension: int, seed: int) -> VectorSet:
    """Gaussian directions of norm 1 (``equal``) or with norms from gamma(2, 1/2) (``skewed``); Gaussian queries."""
    random = np.random.default_rng([seed, items, dimension])
    vectors = np.empty((items, dimension), np.float32)
    for first in range(0, items, CHUNK):  # a float64 copy of five million rows would take more than all the peers
        part = random.standard_normal((min(CHUNK, items - first), dimension), np.float32)
        part /= np.linalg.norm(part, axis=1, keepdims=True)
        if kind == "skewed":
            part *= random.gamma(2.0, 0.5, (len(part), 1)).astype(np.float32)
        vectors[first : first + len(part)] = part
    return VectorSet(kind, vectors, random.standard_normal((queries, dimension), np.float32))


def learned(bundle_path: Path, queries: int, seed: int) -> VectorSet:
    """The items of a bundle, and its users in random order, over again if there are fewer than `queries`."""
    bundle = load_bundle(bundle_path)
    users = np.random.default_rng(seed).permutation(bundle.user_vectors.shape[0])
    chosen = np.resize(users, queries)
    return VectorSet("learned", np.array(bundle.item_vectors), np.array(bundle.user_vectors[chosen]))


def train_bundle(folder: Path, dimension: int, seed: int) -> Path:
    """Train ALS on ml-1m with the trainer, as a person would."""
    path = folder / f"ml-1m-als-{dimension}-{seed}.bundle"
    command = [str(Path(sys.executable).parent / "recstream"), "train", "--model", "als", "--data", "ml-1m"]
    command += ["--out", str(path), "--seed", str(seed), "--set", f"model.dimension={dimension}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return path
