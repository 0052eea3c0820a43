"""A catalogue too large to scan for every query, which changes while it is searched."""

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from recstream import ExactIndex
from recstream_server.retrieval.bitmap import Bitmap, Rows, words_for
from recstream_server.retrieval.live_proposals import LiveProposals
from recstream_server.settings import RetrievalSettings

# Above this part of the catalogue, rescoring the proposals one by one costs more than the exact scan.
LARGEST_PROPOSED_PART = 0.25

# docs/large-catalogues.md has the measurements.
_REBUILD_SHARE = 0.05


class LiveIndex:
    """`recstream.ExactIndex`'s interface, answered from what a FAISS index proposes.

    Proposals are rescored by the core, so scores and order are exact; a row whose vector changed since the FAISS index
    was built is always proposed if it is among the best; what may be missed are better rows that did not change. When
    fewer than k proposals are eligible, or k is a large part of the catalogue, all rows are scanned: k rows come back
    whenever k are eligible.

    Every method may be called from any thread. Searches wait for nothing; upserts and deletes wait for each other.
    A search sees every change that returned before it started, and maybe a part of one that runs beside it.

    Parameters
    ----------
    catalogue : ExactIndex
        All rows, none deleted. From now on it is changed by this class alone; searching it is the exact answer.
    settings : RetrievalSettings
        The FAISS index, how it is searched, and how many proposals for one row wanted.
    rebuild_share : float
        The FAISS index is built anew, in a thread of its own, when this part of it has changed.

    Raises
    ------
    ConfigurationError
        FAISS cannot build such an index from these vectors.
    ValueError
        A row of the catalogue is deleted.
    """

    def __init__(
        self, catalogue: ExactIndex, settings: RetrievalSettings, *, rebuild_share: float = _REBUILD_SHARE
    ) -> None:
        stats = catalogue.stats()
        if stats["deleted"]:
            raise ValueError(
                f"catalogue: {stats['deleted']} of its {stats['rows']} rows are deleted; give one with none"
            )
        self._catalogue = catalogue
        self._multiplier = settings.faiss_candidate_multiplier
        self._proposals = LiveProposals(
            catalogue.vectors, int(stats["rows"]), int(stats["dimension"]), settings, rebuild_share=rebuild_share
        )
        self._writer = threading.Lock()

    def upsert(self, rows: Rows, vectors: NDArray[np.float32]) -> None:
        """Set rows, or append new ones, as `ExactIndex.upsert` does."""
        with self._writer:
            self._catalogue.upsert(rows, vectors)
            self._proposals.refresh(rows)

    def delete(self, rows: Rows) -> None:
        """Take rows out, as `ExactIndex.delete` does."""
        with self._writer:
            self._catalogue.delete(rows)
            self._proposals.forget(rows)

    def search(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        exclude: Sequence[Rows] | None = None,
        allow: Bitmap | None = None,
    ) -> tuple[NDArray[np.float32], Rows]:
        """About the k best rows for each query, best first; arguments and results as those of `ExactIndex.search`."""
        rows_in_use = int(self._catalogue.stats()["rows"])
        if k * self._multiplier > rows_in_use * LARGEST_PROPOSED_PART:
            return self._catalogue.search(queries, k, exclude=exclude, allow=allow)
        _require_filters(len(queries), rows_in_use, exclude, allow)
        proposed = self._proposals.propose(queries, k, exclude=exclude, allow=allow)
        scores, rows = self._catalogue.rank(queries, proposed, k)
        short = np.flatnonzero(rows[:, -1] < 0)
        if len(short) > 0:
            scores[short], rows[short] = self._catalogue.search(
                queries[short],
                k,
                exclude=None if exclude is None else [exclude[q] for q in short.tolist()],
                allow=allow[short] if allow is not None and allow.ndim == 2 else allow,
            )
        return scores, rows

    def tune(self, search_parameters: str) -> None:
        """Trade recall for speed from now on, for example ``nprobe=32``; what FAISS refuses is a ConfigurationError."""
        self._proposals.tune(search_parameters)

    def stats(self) -> dict[str, int | float | str]:
        """`ExactIndex.stats` of all rows, ``scans`` being the queries that fell back, and `LiveProposals.state`."""
        return self._catalogue.stats() | self._proposals.state()

    def wait(self) -> None:
        """Return when no FAISS index is being built."""
        self._proposals.wait()

    def close(self) -> None:
        """Stop building FAISS indexes; what is there can still be searched and changed."""
        self._proposals.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _require_filters(queries: int, rows: int, exclude: Sequence[Rows] | None, allow: Bitmap | None) -> None:
    """Refuse what `ExactIndex.search` would, before the base and the delta take it apart."""
    for excluded in exclude or ():
        if not isinstance(excluded, np.ndarray) or excluded.dtype != np.int64 or excluded.ndim != 1:
            raise TypeError("exclude must have int64 arrays of one dimension")
    if allow is None:
        return
    if not isinstance(allow, np.ndarray) or allow.dtype != np.uint64 or allow.ndim not in {1, 2}:
        raise TypeError("allow must be a uint64 array of one or two dimensions")
    if allow.ndim == 2 and len(allow) != queries:
        raise ValueError(f"allow must have one row for each of the {queries} queries, got {len(allow)}")
    if allow.shape[-1] < words_for(rows):
        raise ValueError(f"allow must have at least {words_for(rows)} words for {rows} rows, got {allow.shape[-1]}")
