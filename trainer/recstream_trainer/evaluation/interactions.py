"""Who took what: a ragged table of items by user."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Interactions:
    """Items by user, compressed by rows (CSR); a user may have none.

    Attributes
    ----------
    indptr : int64 (U + 1,)
        User u's entries are ``indptr[u]`` to ``indptr[u + 1]`` of the next two.
    items : int32 (n,)
        Item codes, oldest first (in the order of the source where there is no time).
    weights : float32 (n,)
        1 where the source has no weights. A data set has none of 0; a trainer may give 0 to what was seen and yet is
        no preference.
    times : int64 (n,) or None
        Unix seconds, 0 where it is not known; None where the source has no times.
    """

    indptr: NDArray[np.int64]
    items: NDArray[np.int32]
    weights: NDArray[np.float32]
    times: NDArray[np.int64] | None = None

    @classmethod
    def from_rows(
        cls,
        users: NDArray[np.integer],
        items: NDArray[np.integer],
        weights: NDArray[np.floating] | None,
        user_count: int,
        times: NDArray[np.integer] | None = None,
    ) -> "Interactions":
        """Group rows by user, keeping their order within each user; weights of None are ones."""
        order = np.argsort(users, kind="stable")
        indptr = np.zeros(user_count + 1, dtype=np.int64)
        np.cumsum(np.bincount(users, minlength=user_count), out=indptr[1:])
        ordered = np.ones(len(items), dtype=np.float32) if weights is None else weights[order].astype(np.float32)
        seconds = None if times is None else times[order].astype(np.int64)
        return cls(indptr, items[order].astype(np.int32), ordered, seconds)

    def __len__(self) -> int:
        """Number of interactions."""
        return len(self.items)

    @property
    def user_count(self) -> int:
        """Number of users, with or without interactions."""
        return len(self.indptr) - 1

    @property
    def active_users(self) -> int:
        """Number of users with at least one interaction."""
        return int(np.count_nonzero(self.counts))

    @property
    def counts(self) -> NDArray[np.int64]:
        """Interactions of each user, int64 (U,)."""
        return np.diff(self.indptr)

    @property
    def users(self) -> NDArray[np.int64]:
        """User code of each interaction, int64 (n,), ascending."""
        return np.repeat(np.arange(self.user_count), self.counts)

    def of(self, user: int) -> NDArray[np.int32]:
        """Items of one user, oldest first."""
        return self.items[self.indptr[user] : self.indptr[user + 1]]

    def cells(self, users: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
        """The interactions of some users, as places in a matrix with a row for each of them.

        Returns
        -------
        rows : int64 (n,)
            Place in `users`, ascending.
        columns : int32 (n,)
            Item codes.
        """
        counts = self.counts[users]
        rows = np.repeat(np.arange(len(users)), counts)
        offsets = np.arange(len(rows)) - np.repeat(np.cumsum(counts) - counts, counts)
        return rows, self.items[self.indptr[users][rows] + offsets]

    def followed_by(self, later: "Interactions") -> "Interactions":
        """Both together: for each user, these items and then the later ones."""
        users = np.concatenate([self.users, later.users])
        items = np.concatenate([self.items, later.items])
        weights = np.concatenate([self.weights, later.weights])
        timed = self.times is not None and later.times is not None
        times = np.concatenate([self.times, later.times]) if timed else None
        return Interactions.from_rows(users, items, weights, self.user_count, times)
