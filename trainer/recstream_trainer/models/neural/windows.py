"""Batches of a pass over histories: pieces of at most so many items, little padding, another cut every time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from recstream_trainer.evaluation import Interactions


@dataclass(frozen=True, eq=False)
class Histories:
    """What an encoder reads, as docs/bundle-format.md says: right-aligned, padded on the left.

    Attributes
    ----------
    rows : int64 (B, L)
        Padding N.
    weights : float32 (B, L)
        Padding 0.
    times : int64 (B, L)
        Unix seconds, 0 where unknown; padding 0.
    """

    rows: torch.Tensor
    weights: torch.Tensor
    times: torch.Tensor

    def inputs(self, names: Sequence[str], device: str) -> list[torch.Tensor]:
        """Some of them, by name."""
        return [getattr(self, name).to(device) for name in names]


@dataclass(frozen=True, eq=False)
class Batch:
    """Pieces of histories, and what followed each of their items.

    Attributes
    ----------
    rows, times : int64 (B, L)
        Oldest first, from the left; N and 0 on the right where the history is shorter.
    targets : int64 (B, L)
        The next item's row; N where there is padding.
    """

    rows: torch.Tensor
    times: torch.Tensor
    targets: torch.Tensor


def newest(interactions: Interactions, users: NDArray[np.int64], length: int, item_count: int) -> Histories:
    """The newest items of some users, at most `length`, as wide as the longest of them needs (1 at least)."""
    ends = interactions.indptr[users + 1]
    starts = np.maximum(interactions.indptr[users], ends - length)
    places = ends[:, None] - np.arange(max(1, int((ends - starts).max(initial=0))), 0, -1)
    real = places >= starts[:, None]
    places = np.where(real, places, 0)
    rows = np.where(real, interactions.items[places], item_count).astype(np.int64)
    weights = np.where(real, interactions.weights[places], np.float32(0))
    times = np.where(real, _times(interactions)[places], 0)
    return Histories(torch.from_numpy(rows), torch.from_numpy(weights), torch.from_numpy(times))


def batches_of(
    interactions: Interactions, length: int, positions: int, item_count: int, rng: np.random.Generator
) -> Iterator[Batch]:
    """Every item of every history with the one that followed it, once.

    Histories longer than `length` are cut, in other places every time. Pieces of like length come together, so that
    there is little padding, and their batches in random order.

    Parameters
    ----------
    length : int
        Items of a piece, at most.
    positions : int
        Items of a batch with padding, about.
    rng : numpy Generator
    """
    starts, ends = _pieces(interactions, length, rng)
    order = _alike(ends - starts, rng)
    starts, ends = starts[order], ends[order]
    cuts = _cuts(ends - starts, positions)
    for index in rng.permutation(len(cuts) - 1):
        part = slice(cuts[index], cuts[index + 1])
        yield _batch(interactions, starts[part], ends[part], item_count)


def _pieces(
    interactions: Interactions, length: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where pieces begin and end among the interactions; the last item of a history is nobody's input."""
    inputs = np.maximum(interactions.counts - 1, 0)
    # The first piece is shortened by a random amount, which moves all cuts of a long history.
    phases = np.where(inputs > length, rng.integers(0, length, len(inputs)), 0)
    counts = -(-(inputs + phases) // length)
    users = np.repeat(np.arange(len(inputs)), counts)
    place = np.arange(len(users)) - np.repeat(np.cumsum(counts) - counts, counts)
    begins = place * length - phases[users]
    first = interactions.indptr[users]
    return first + np.maximum(begins, 0), first + np.minimum(begins + length, inputs[users])


def _alike(lengths: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Pieces by length, give or take a tenth, so that a piece meets others every time."""
    return np.argsort(lengths * rng.uniform(0.9, 1.1, len(lengths)), kind="stable")


def _cuts(lengths: NDArray[np.int64], positions: int) -> NDArray[np.int64]:
    """Where batches begin and end, so that each has about `positions` places with its padding."""
    if not len(lengths):
        return np.zeros(1, dtype=np.int64)
    cuts = [0]
    widest = 0
    for index, length in enumerate(lengths.tolist()):
        widest = max(widest, length)
        if index > cuts[-1] and widest * (index + 1 - cuts[-1]) > positions:
            cuts.append(index)
            widest = length
    return np.array([*cuts, len(lengths)])


def _batch(interactions: Interactions, starts: NDArray[np.int64], ends: NDArray[np.int64], item_count: int) -> Batch:
    places = starts[:, None] + np.arange((ends - starts).max())
    real = places < ends[:, None]
    places = np.where(real, places, 0)
    rows, targets = (np.where(real, interactions.items[at], item_count).astype(np.int64) for at in (places, places + 1))
    times = np.where(real, _times(interactions)[places], 0)
    return Batch(torch.from_numpy(rows), torch.from_numpy(times), torch.from_numpy(targets))


def _times(interactions: Interactions) -> NDArray[np.int64]:
    return np.zeros(len(interactions), np.int64) if interactions.times is None else interactions.times
