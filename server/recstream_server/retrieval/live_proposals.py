"""Proposals that follow a catalogue as it changes: an immutable FAISS base, an exact delta, and tombstones."""

import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray

from recstream.errors import ConfigurationError
from recstream_server.retrieval.bitmap import Bitmap, Rows, holds, rows_in, without
from recstream_server.retrieval.delta import Delta
from recstream_server.retrieval.faiss_base import BuildGivenUpError, FaissBase, VectorsOf
from recstream_server.settings import RetrievalSettings

_LOGGER = structlog.get_logger(__name__)


class _View(NamedTuple):
    """What one search works on. The delta grows while searches run, the rest never changes."""

    base: FaissBase
    standing: Bitmap
    """Rows of the base that neither changed nor were deleted since it was built; its other bits are tombstones."""
    tombstones: int
    delta: Delta


class LiveProposals:
    """Proposes rows of a catalogue that somebody else holds and rescores.

    The rows that changed since the base was built are in the delta, and are masked in the base. When they pass a share
    of it, a thread builds a base of what is there now and swaps it in, and the delta starts again with what
    changed meanwhile; searches never wait for that. Changes wait for each other, and for the swap.

    Held: one FAISS index (two while one is being built), and a float32 copy with codes of the changed rows.

    Parameters
    ----------
    vectors_of : VectorsOf
        Gives the catalogue's vectors as they are now; safe to call from any thread.
    rows : int
        The catalogue has the rows 0 .. rows - 1.
    dimension : int
    settings : RetrievalSettings
    rebuild_share : float
        The base is built anew when this part of it has changed.

    Raises
    ------
    ConfigurationError
        As `FaissBase`.
    """

    def __init__(
        self, vectors_of: VectorsOf, rows: int, dimension: int, settings: RetrievalSettings, *, rebuild_share: float
    ) -> None:
        self._vectors_of = vectors_of
        self._dimension = dimension
        self._settings = settings
        self._rebuild_share = rebuild_share
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._builder: threading.Thread | None = None
        self._changed_meanwhile: set[int] = set()
        self._rebuilds = self._failures = 0
        base = FaissBase(vectors_of, np.arange(rows, dtype=np.int64), dimension, settings)
        self._view = _View(base, base.members, 0, Delta(dimension))
        self._tolerated = self._tolerated_by(base)

    def refresh(self, rows: Rows) -> None:
        """Take note that the catalogue has new vectors for `rows`; seen by every search that starts afterwards."""
        rows = np.unique(rows)
        with self._lock:
            view = self._view
            delta = self._with_room(view.delta, view.delta.new_rows(rows))
            delta.upsert(rows, self._vectors_of(rows))
            # Before the mask, so that a search finds the rows in one of both.
            self._publish(view._replace(delta=delta), rows)

    def forget(self, rows: Rows) -> None:
        """Take note that `rows` were deleted; none of them is proposed to a search that starts afterwards."""
        with self._lock:
            self._view.delta.delete(rows)
            self._publish(self._view, np.unique(rows))

    def propose(
        self,
        queries: NDArray[np.float32],
        k: int,
        *,
        exclude: Sequence[Rows] | None = None,
        allow: Bitmap | None = None,
    ) -> Rows:
        """Rows among which to look for the best k.

        Parameters
        ----------
        queries : float32 (B, d), C-contiguous
        k : int
        exclude : B arrays of int64, optional
        allow : uint64 (W,) or (B, W), optional

        Returns
        -------
        int64 (B, n)
            The k best of the delta, and what the base proposes, in no order; -1 where there are no more.
        """
        view = self._view
        changed = view.delta.search(queries, k, exclude=exclude, allow=allow)
        count = min(self._settings.faiss_candidate_multiplier * k, view.base.size)
        if count == 0:
            return changed
        if exclude is None and (allow is None or allow.ndim == 1):
            return np.hstack([changed, view.base.search(queries, count, _eligible(view, None, allow))])
        found = []
        for q in range(len(queries)):
            left_out = None if exclude is None else exclude[q]
            allowed = allow[q] if allow is not None and allow.ndim == 2 else allow
            found.append(view.base.search(queries[q : q + 1], count, _eligible(view, left_out, allowed)))
        return np.hstack([changed, np.concatenate(found)]) if found else changed

    def tune(self, search_parameters: str) -> None:
        """Search the base otherwise from now on, and every base that comes after it."""
        with self._lock:
            self._view.base.tune(search_parameters)
            self._settings = self._settings.model_copy(update={"faiss_search_parameters": search_parameters})

    def state(self) -> dict[str, int]:
        """``base_rows``, ``tombstones`` in it, ``delta_rows``, ``rebuilds``, ``rebuild_failures``."""
        view = self._view
        return {
            "base_rows": view.base.size,
            "tombstones": view.tombstones,
            "delta_rows": len(view.delta),
            "rebuilds": self._rebuilds,
            "rebuild_failures": self._failures,
        }

    def wait(self) -> None:
        """Return when no base is being built."""
        with self._lock:
            builder = self._builder
        if builder is not None:
            builder.join()

    def close(self) -> None:
        """Build nothing any more: give up a build after its current step, and return when its thread has ended."""
        self._closed.set()
        self.wait()

    def _with_room(self, delta: Delta, fresh: int) -> Delta:
        if len(delta) + fresh <= delta.capacity:
            return delta
        rows = delta.live_rows()
        return Delta.holding(rows, self._vectors_of(rows), spare=fresh)

    def _publish(self, view: _View, rows: Rows) -> None:
        self._view = view = _without(view, rows)
        if self._builder is not None:
            self._changed_meanwhile.update(rows.tolist())
        elif max(view.tombstones, len(view.delta)) > self._tolerated and not self._closed.is_set():
            builder = threading.Thread(target=self._rebuild, name="faiss-rebuild")
            builder.start()
            self._builder = builder

    def _rebuild(self) -> None:
        with self._lock:
            standing, changed = self._view.standing, self._view.delta.live_rows()
            self._changed_meanwhile = set()
        rows = np.sort(np.concatenate([rows_in(standing), changed]))
        try:
            # One thread: the others are for those who search.
            base = FaissBase(
                self._vectors_of, rows, self._dimension, self._settings, threads=1, given_up=self._closed.is_set
            )
        except BuildGivenUpError:
            base = None
        except (ConfigurationError, MemoryError) as error:
            _LOGGER.warning("faiss_rebuild_failed", reason=str(error), items=len(rows))
            base = None
            self._failures += 1
        with self._lock:
            if base is None:
                # The old base goes on, and answers stay right; another try waits for twice the changes.
                self._tolerated *= 2
            else:
                self._swap(base)
            self._builder = None

    def _swap(self, base: FaissBase) -> None:
        base.tune(self._settings.faiss_search_parameters)  # somebody may have done so since its build began
        live = self._changed_meanwhile.intersection(self._view.delta.live_rows().tolist())
        rows = np.array(sorted(live), np.int64)
        delta = Delta.holding(rows, self._vectors_of(rows))
        changed = np.array(sorted(self._changed_meanwhile), np.int64)
        self._view = _without(_View(base, base.members, 0, delta), changed)
        self._tolerated = self._tolerated_by(base)
        self._rebuilds += 1

    def _tolerated_by(self, base: FaissBase) -> int:
        return max(1, int(self._rebuild_share * base.size))


def _without(view: _View, rows: Rows) -> _View:
    fallen = int(holds(view.standing, rows).sum())
    if fallen == 0:
        return view
    return view._replace(standing=without(view.standing, rows), tombstones=view.tombstones + fallen)


def _eligible(view: _View, exclude: Rows | None, allow: Bitmap | None) -> Bitmap | None:
    """Rows that the base may propose; None where that is all it holds, which it searches faster."""
    if view.tombstones == 0 and allow is None and (exclude is None or len(exclude) == 0):
        return None
    standing = view.standing
    if allow is not None:
        words = min(len(standing), len(allow))
        standing = standing[:words] & allow[:words]
    if exclude is None:
        return standing
    return without(standing, exclude[exclude >= 0])
