"""The observed pairs of users and items, in the form that half steps read."""

import warnings
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

PART_PAIRS = 1 << 17
"""Pairs of a part: enough to make calls cheap beside the work, few enough for every core to have some."""
PART_ROWS = 1 << 14
"""Rows of a part: half a dozen matrices of as many vectors stay in the cache."""
_GPU_FACTOR = 64
"""A part for a GPU is so many times as large: there is no cache to stay in, and each kernel must fill the device."""
BLOCK_PAIRS = 1 << 14
"""Pairs of a block: their gathered vectors (4 MiB at 64 floats) are read once more while still in the cache."""
_BLOCK_ROWS = 256
"""Rows of a block, each of which takes a d by d matrix."""
_WIDEST_PADDING = 0.8
"""Rows share a block while the shortest is at least this part of the longest."""

Block = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class Part:
    """The pairs of some consecutive rows (CSR), without a pair given twice.

    Parameters
    ----------
    first : int
        The row that the part begins with.
    counts : int64 (R,)
        Pairs of each row.
    columns : int64 (n,)
    weights : float32 (n,)
    column_count : int
    device : torch device
    """

    def __init__(
        self,
        first: int,
        *,
        counts: NDArray[np.int64],
        columns: NDArray[np.int64],
        weights: NDArray[np.float32],
        column_count: int,
        device: str,
    ) -> None:
        # embedding_bag wants one type for both; the small one halves what the kernels read.
        index = torch.int32 if len(columns) < 2**31 else torch.int64
        self.rows = slice(first, first + len(counts))
        self.column_count = column_count
        self.counts = torch.from_numpy(counts.astype(np.float32)).to(device)
        self.columns = torch.from_numpy(columns).to(device, index)
        self.weights = torch.from_numpy(weights).to(device)
        self._indptr = torch.from_numpy(np.concatenate([[0], np.cumsum(counts)])).to(device, index)
        self._pattern = self._zero_matrix()
        self._blocks: list[Block] | None = None

    def _zero_matrix(self) -> torch.Tensor:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse CSR tensor support is in beta")
            return torch.sparse_csr_tensor(
                self._indptr,
                self.columns,
                torch.zeros_like(self.weights),
                size=(len(self.counts), self.column_count),
                check_invariants=False,
            )

    def products(self, left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """Inner product of each pair: rows of `left` (R, d) with rows of `right` (C, d), float32 (n,)."""
        products: torch.Tensor = torch.sparse.sampled_addmm(self._pattern, left, right.T, beta=0.0).values()
        return products

    def sums(self, values: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
        """For each row, the sum over its pairs of value times row of `right`: (n,) and (C, d) to (R, d)."""
        # What torch.nn.functional.embedding_bag calls, after ten microseconds of checks.
        return torch.embedding_bag(
            right,
            self.columns,
            self._indptr,
            mode=0,
            per_sample_weights=values,
            include_last_offset=True,
        )[0]

    def blocks(self) -> list[Block]:
        """Rows of like length together, padded to the longest, for batched dense algebra; made once, on first use.

        Returns
        -------
        list of (rows, columns, weights)
            int64 (B,) within the part, int64 (B, L) with C where padded, float32 (B, L) with 0 where padded. Rows
            without pairs are in no block.
        """
        if self._blocks is None:
            self._blocks = [self._padded(rows) for rows in self._alike()]
        return self._blocks

    def _alike(self) -> Iterator[torch.Tensor]:
        counts, order = self.counts.long().sort(descending=True, stable=True)
        lengths = counts[counts > 0].tolist()
        start = 0
        while start < len(lengths):
            most = min(_BLOCK_ROWS, max(1, BLOCK_PAIRS // lengths[start]))
            shortest = _WIDEST_PADDING * lengths[start]
            stop = start + 1
            while stop < min(start + most, len(lengths)) and lengths[stop] >= shortest:
                stop += 1
            yield order[start:stop]
            start = stop

    def _padded(self, rows: torch.Tensor) -> Block:
        lengths = self.counts[rows].long()
        place = torch.arange(int(lengths.max()), device=rows.device)
        inside = place < lengths[:, None]
        entries = torch.where(inside, self._indptr[rows].long()[:, None] + place, 0)
        columns = torch.where(inside, self.columns[entries].long(), self.column_count)
        return rows, columns, torch.where(inside, self.weights[entries], 0.0)


class Observed:
    """Weighted pairs: items by user, or users by item, in parts that can be worked on at the same time.

    Parameters
    ----------
    rows, columns : int64 (n,)
        A pair given twice counts once, with its weights added up.
    weights : float32 (n,)
        Above zero.
    shape : (R, C)
    device : torch device
    """

    def __init__(
        self,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
        weights: NDArray[np.float32],
        shape: tuple[int, int],
        device: str,
    ) -> None:
        cells, places = np.unique(rows * shape[1] + columns, return_inverse=True)
        counts = np.bincount(cells // shape[1], minlength=shape[0])
        together = np.bincount(places, weights).astype(np.float32)
        ends = np.concatenate([[0], np.cumsum(counts)])
        self.shape = shape
        self.counts = torch.from_numpy(counts.astype(np.float32)).to(device)
        self.parts = [
            Part(
                first,
                counts=counts[first:stop],
                columns=cells[ends[first] : ends[stop]] % shape[1],
                weights=together[ends[first] : ends[stop]],
                column_count=shape[1],
                device=device,
            )
            for first, stop in _cuts(ends, 1 if device == "cpu" else _GPU_FACTOR)
        ]


def _cuts(ends: NDArray[np.int64], factor: int) -> Iterator[tuple[int, int]]:
    """First row and the one after the last of each part; a row longer than a part is a part of its own."""
    first, count = 0, len(ends) - 1
    while first < count:
        within = int(np.searchsorted(ends, ends[first] + factor * PART_PAIRS, side="right")) - 1
        stop = min(max(within, first + 1), first + factor * PART_ROWS, count)
        yield first, stop
        first = stop
