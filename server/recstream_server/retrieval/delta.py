"""Rows that changed since a base was built, searched exactly."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from recstream import ExactIndex
from recstream_server.retrieval.bitmap import Bitmap, Rows, bitmap_of, holds

_FIRST_CAPACITY = 1024


class Delta:
    """Up to a fixed number of rows in an exact index of their own.

    Searches run beside one writer, and see every change that was made before they start. The bound is what lets a
    search translate a filter while rows are being added: a bitmap of that many places fits whatever the writer does.

    Parameters
    ----------
    dimension : int
    capacity : int
        Most rows, deleted ones included.
    """

    def __init__(self, dimension: int, capacity: int = _FIRST_CAPACITY) -> None:
        self.capacity = capacity
        self._index = ExactIndex(np.empty((0, dimension), np.float32), threads=1)
        self._places: dict[int, int] = {}
        self._rows = np.full(capacity, -1, np.int64)
        self._deleted: set[int] = set()

    def __len__(self) -> int:
        return len(self._places)

    @classmethod
    def holding(cls, rows: Rows, vectors: NDArray[np.float32], *, spare: int = 0) -> "Delta":
        """Make one of these rows, all distinct, with room for at least `spare` more and as many as there are."""
        delta = cls(vectors.shape[1], max(_FIRST_CAPACITY, 2 * (len(rows) + spare)))
        delta.upsert(rows, vectors)
        return delta

    def new_rows(self, rows: Rows) -> int:
        """How many places `rows`, all distinct, would take that are not taken yet."""
        return sum(row not in self._places for row in rows.tolist())

    def live_rows(self) -> Rows:
        """Rows that are not deleted, in no order."""
        return np.array([row for row in self._places if row not in self._deleted], np.int64)

    def upsert(self, rows: Rows, vectors: NDArray[np.float32]) -> None:
        """Set rows, all distinct; there must be room for those that are new."""
        places = np.empty(len(rows), np.int64)
        for number, row in enumerate(rows.tolist()):
            places[number] = place = self._places.setdefault(row, len(self._places))
            self._rows[place] = row
        # Only now, so that whoever finds a place finds its row.
        self._index.upsert(places, vectors)
        self._deleted.difference_update(rows.tolist())

    def delete(self, rows: Rows) -> None:
        """Delete rows; those that are not here are ignored."""
        known = [row for row in rows.tolist() if row in self._places]
        self._index.delete(np.array([self._places[row] for row in known], np.int64))
        self._deleted.update(known)

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        exclude: Sequence[Rows] | None = None,
        allow: Bitmap | None = None,
    ) -> Rows:
        """Rows (B, k) as `ExactIndex.search` finds them, but ties by who came first; -1 where there are no more."""
        places = self._index.search(
            queries,
            k,
            exclude=None if exclude is None else [self._places_of(rows) for rows in exclude],
            allow=None if allow is None else self._allowed_places(allow),
        )[1]
        return np.where(places < 0, -1, self._rows[places])

    def _places_of(self, rows: Rows) -> Rows:
        found = (self._places.get(row) for row in rows.tolist()) if self._places else ()
        return np.array([place for place in found if place is not None], np.int64)

    def _allowed_places(self, allow: Bitmap) -> Bitmap:
        if allow.ndim == 2:
            return np.stack([self._allowed_places(words) for words in allow])
        return bitmap_of((self._rows >= 0) & holds(allow, np.maximum(self._rows, 0)))
