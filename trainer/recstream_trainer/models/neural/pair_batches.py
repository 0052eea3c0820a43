"""Batches for two towers: of each user some items to read, others to find, and items that nobody asked for."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray

from recstream_trainer.evaluation import Interactions


@dataclass(frozen=True, eq=False)
class PairBatch:
    """A training step.

    Attributes
    ----------
    rows : int64 (B, L)
        What is read of each user, padded with 0.
    weights : float32 (B, L)
        Padding 0.
    owners, targets : int64 (P,)
        Place of the user in the batch, ascending, and item of each pair to find; none of these is read.
    importance : float32 (P,)
        Weight of each pair.
    had_owners, had_items : int64 (H,)
        Place of the user, ascending, and item, of all that the users have.
    uniform : int64 (M,)
        Items drawn evenly.
    """

    rows: torch.Tensor
    weights: torch.Tensor
    owners: torch.Tensor
    targets: torch.Tensor
    importance: torch.Tensor
    had_owners: torch.Tensor
    had_items: torch.Tensor
    uniform: torch.Tensor

    def of(self, users: slice) -> "PairBatch":
        """The same for some of the users, given as places from start to stop; evenly drawn items stay as they are."""
        pairs, had = (
            slice(*torch.searchsorted(owners, torch.tensor([users.start, users.stop])).tolist())
            for owners in (self.owners, self.had_owners)
        )
        return PairBatch(
            self.rows[users],
            self.weights[users],
            self.owners[pairs] - users.start,
            self.targets[pairs],
            self.importance[pairs],
            self.had_owners[had] - users.start,
            self.had_items[had],
            self.uniform,
        )

    def to(self, device: str) -> "PairBatch":
        """The same on a device."""
        return PairBatch(*(getattr(self, part.name).to(device) for part in fields(self)))


def pair_batches(
    train: Interactions,
    rng: np.random.Generator,
    *,
    batch_users: int,
    targets: int,
    length: int,
    negatives: int,
    shortened: float = 0.0,
) -> Iterator[PairBatch]:
    """About as many pairs as there are interactions; users with two or more take part.

    Parameters
    ----------
    rng : numpy Generator
        Draws everything.
    targets : int
        Pairs of a user in a batch: at most this, and at most half of their items. Who has more comes more often.
    length : int
        Items read of a user, at most.
    negatives : int
        Items drawn evenly from those that somebody has.
    shortened : float
        Share of the users of a batch of whom fewer are read: from 1 to `length`, each order of magnitude as often.
    """
    there = np.unique(train.items).astype(np.int64)
    users = np.flatnonzero(train.counts > 1)
    visits = rng.permutation(np.repeat(users, _visits(train.counts[users], targets)))
    for start in range(0, len(visits), batch_users):
        # A user who comes twice in a batch would be their own negative.
        batch = np.unique(visits[start : start + batch_users])
        uniform = rng.choice(there, negatives)
        lengths = np.full(len(batch), length)
        if shortened:
            few = rng.random(len(batch)) < shortened
            lengths[few] = np.exp(rng.uniform(0, np.log(length + 1), few.sum())).astype(np.int64)
        yield _batch(train, batch, rng, targets=targets, lengths=lengths, uniform=uniform)


def step_count(train: Interactions, batch_users: int, targets: int) -> int:
    """How many batches `pair_batches` makes."""
    return -(-int(_visits(train.counts[train.counts > 1], targets).sum()) // batch_users)


def _visits(counts: NDArray[np.int64], targets: int) -> NDArray[np.int64]:
    """How often users with so many items come."""
    return -(-counts // targets)


def _batch(
    train: Interactions,
    users: NDArray[np.int64],
    rng: np.random.Generator,
    *,
    targets: int,
    lengths: NDArray[np.int64],
    uniform: NDArray[np.int64],
) -> PairBatch:
    counts = train.counts[users]
    owners = np.repeat(np.arange(len(users)), counts)
    first = np.cumsum(counts) - counts
    places = train.indptr[users][owners] + np.arange(len(owners)) - first[owners]
    # In random order within each user: the first few are to be found, the next are read.
    places = places[np.lexsort((rng.random(len(owners)), owners))]
    rank = np.arange(len(owners)) - first[owners]
    sought = np.minimum(targets, counts // 2)[owners]
    found = rank < sought
    read = ~found & (rank < sought + lengths[owners])
    width = int((rank - sought)[read].max()) + 1
    rows, weights = np.zeros((len(users), width), np.int64), np.zeros((len(users), width), np.float32)
    cells = owners[read], (rank - sought)[read]
    rows[cells], weights[cells] = train.items[places[read]], train.weights[places[read]]
    arrays = (
        rows,
        weights,
        owners[found],
        train.items[places[found]].astype(np.int64),
        train.weights[places[found]],
        owners,
        train.items[places].astype(np.int64),
        uniform,
    )
    return PairBatch(*map(torch.from_numpy, arrays))
