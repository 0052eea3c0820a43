"""An immutable FAISS index that proposes rows. It decides nothing: the core rescores what it proposes."""

import re
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import structlog
from numpy.typing import NDArray

from recstream.errors import ConfigurationError
from recstream_server.retrieval.bitmap import Bitmap, Rows, bitmap_of
from recstream_server.settings import RetrievalSettings

VectorsOf = Callable[[Rows], NDArray[np.float32]]
"""Gives the float32 (n, d) vectors of n rows."""

# What is copied and added at once, so that a build needs no second copy of the catalogue, and can be given up.
_ROWS_AT_ONCE = 65_536

# FAISS warns below 39 vectors a list and looks at no more than 256; what other parts learn (codes, transforms) has
# enough with the least.
_TRAINING_ROWS_PER_LIST = 64
_LEAST_TRAINING_ROWS = 131_072

# FAISS puts function, file, line and the failed condition before what it has to say.
_PLACE_IN_FAISS = re.compile(r"(?s)^.*\.(cpp|h):\d+: ?(Error: '.*' failed: ?)?")

_LOGGER = structlog.get_logger(__name__)


class BuildGivenUpError(Exception):
    """Somebody asked a build to end early."""


class FaissBase:
    """Rows in a FAISS index. They never change, so any number of threads may search.

    Parameters
    ----------
    vectors_of : VectorsOf
        Asked for some rows at a time, and only while the index is built.
    rows : int64 (n,)
        Rows to hold, rising; their numbers are the index's ids.
    dimension : int
    settings : RetrievalSettings
        Factory string and search parameters. Indexes that FAISS can search with an IDSelector will do: IVF of any
        kind, also behind a transform, HNSW, and flat ones.
    threads : int
        FAISS's threads for the build; 0 leaves it to FAISS. The same rows, settings and one thread make the same index.
    given_up : () -> bool
        Asked between two steps.

    Raises
    ------
    ConfigurationError
        FAISS knows no such index or parameter, cannot build it from these vectors, or not search it with a selector.
    BuildGivenUpError
    """

    def __init__(
        self,
        vectors_of: VectorsOf,
        rows: Rows,
        dimension: int,
        settings: RetrievalSettings,
        *,
        threads: int = 0,
        given_up: Callable[[], bool] = lambda: False,
    ) -> None:
        import faiss  # noqa: PLC0415 - half a second, and only for those who want it

        self._faiss: Any = faiss
        self._vectors_of = vectors_of
        self._given_up = given_up
        if threads > 0:
            faiss.omp_set_num_threads(threads)
        started = time.perf_counter()
        log = _LOGGER.bind(factory=settings.faiss_factory, items=len(rows))
        try:
            self._build(rows, dimension, settings, log)
            self.search(np.zeros((1, dimension), np.float32), 1, np.ones(1, np.uint64))
        except RuntimeError as error:
            raise ConfigurationError(
                f"retrieval.faiss_factory {settings.faiss_factory!r} with faiss_search_parameters "
                f"{settings.faiss_search_parameters!r} cannot be used for {len(rows)} items of "
                f"{dimension} dimensions: {_reason(error)}"
            ) from None
        finally:
            del self._vectors_of, self._given_up
        members = np.zeros(int(rows[-1]) + 1 if len(rows) else 0, bool)
        members[rows] = True
        self.members: Bitmap = bitmap_of(members)
        self.size = len(rows)
        log.info("faiss_ready", seconds=round(time.perf_counter() - started, 3))

    def search(self, queries: NDArray[np.float32], count: int, eligible: Bitmap | None = None) -> Rows:
        """Propose rows.

        Parameters
        ----------
        queries : float32 (B, d), C-contiguous
        count : int
        eligible : Bitmap, optional
            Rows that may be proposed; those beyond its end may not.

        Returns
        -------
        int64 (B, count)
            Best first by what FAISS takes for the score, -1 where it has no more.
        """
        # OpenMP keeps this for each thread. A query is not worth more than one: they would fight for the cores.
        self._faiss.omp_set_num_threads(1)
        rows: Rows = self._index.search(queries, count, params=self._parameters(eligible))[1]
        return rows

    def tune(self, search_parameters: str) -> None:
        """Search otherwise from now on, for example ``nprobe=32``; an empty string changes nothing."""
        try:
            if search_parameters:
                self._faiss.ParameterSpace().set_index_parameters(self._tuned, search_parameters)
        except RuntimeError as error:
            raise ConfigurationError(
                f"search parameters {search_parameters!r} cannot be used: {_reason(error)}"
            ) from None

    def _build(self, rows: Rows, dimension: int, settings: RetrievalSettings, log: Any) -> None:
        started = time.perf_counter()
        index = self._faiss.index_factory(dimension, settings.faiss_factory, self._faiss.METRIC_INNER_PRODUCT)
        self._lists = self._faiss.try_extract_index_ivf(index)
        log.info("faiss_training")
        if not index.is_trained:
            index.train(self._training_vectors(rows))
        self._tuned = index
        if settings.faiss_search_parameters:
            self._faiss.ParameterSpace().set_index_parameters(index, settings.faiss_search_parameters)
        self._index = index if self._lists is not None else self._faiss.IndexIDMap(index)
        log.info("faiss_adding", seconds=round(time.perf_counter() - started, 3))
        for first in range(0, len(rows), _ROWS_AT_ONCE):
            part = rows[first : first + _ROWS_AT_ONCE]
            self._index.add_with_ids(self._some_vectors(part), part)

    def _training_vectors(self, rows: Rows) -> NDArray[np.float32]:
        lists = 0 if self._lists is None else self._lists.nlist
        wanted = max(_LEAST_TRAINING_ROWS, _TRAINING_ROWS_PER_LIST * lists)
        if wanted >= len(rows):
            return self._some_vectors(rows)
        return self._some_vectors(np.sort(np.random.default_rng(0).choice(rows, wanted, replace=False)))

    def _some_vectors(self, rows: Rows) -> NDArray[np.float32]:
        if self._given_up():
            raise BuildGivenUpError
        return self._vectors_of(rows)

    def _parameters(self, eligible: Bitmap | None) -> Any:
        if eligible is None:
            return None
        selector = self._faiss.IDSelectorBitmap(eligible.view(np.uint8))
        if self._lists is None:
            return self._faiss.SearchParameters(sel=selector)
        parameters = self._faiss.SearchParametersIVF(
            sel=selector, nprobe=self._lists.nprobe, max_codes=self._lists.max_codes
        )
        if isinstance(self._index, self._faiss.IndexPreTransform):
            return self._faiss.SearchParametersPreTransform(index_params=parameters)
        return parameters


def _reason(error: RuntimeError) -> str:
    return _PLACE_IN_FAISS.sub("", str(error))
