"""A FAISS index proposes, the engine decides: for catalogues that are too large to scan."""

import re
import time
from typing import Any, Protocol

import numpy as np
import structlog
from numpy.typing import NDArray

from recstream._core import Engine
from recstream.errors import ConfigurationError
from recstream_server.queries import RecommendQuery
from recstream_server.retrieval.exact import ExactRetrieval
from recstream_server.retrieval.protocol import Found
from recstream_server.settings import RetrievalSettings

# Asked again once with this many times the proposals; then the exact path answers.
_WIDENING = 4

# Above this part of the catalogue, rescoring the proposals one by one costs more than the exact scan.
_LARGEST_PART = 0.25

# FAISS puts function, file, line and the failed condition before what it has to say.
_PLACE_IN_FAISS = re.compile(r"(?s)^.*\.(cpp|h):\d+: ?(Error: '.*' failed: ?)?")

_LOGGER = structlog.get_logger(__name__)


class FaissRetrieval:
    """Answers from what an index proposes, rescored by the engine.

    The index is asked for a multiple of the items wanted, plus those that will be left out. If fewer than K of the
    proposals are eligible it is asked again for more, and in the end the engine scans every item. Given candidates and
    users without a vector go straight to the engine.

    Parameters
    ----------
    engine : Engine
    item_vectors : float32 (N, d), C-contiguous
    settings : RetrievalSettings

    Raises
    ------
    ConfigurationError
        FAISS knows no such index or parameter, or cannot build it from these vectors.
    """

    def __init__(self, engine: Engine, item_vectors: NDArray[np.float32], settings: RetrievalSettings) -> None:
        self.name = f"faiss:{settings.faiss_factory}"
        self._engine = engine
        self._exact = ExactRetrieval(engine)
        self._items = len(item_vectors)
        self._multiplier = settings.faiss_candidate_multiplier
        self._index = _build(item_vectors, settings)

    def recommend(self, query: RecommendQuery) -> Found:
        """Answer a query."""
        if query.candidates is None:
            vector, seen = self._engine.user_vector(
                user_id=query.user_id, session_id=query.session_id, recent_events=query.recent_events
            )
            if vector is not None:
                left_out = len(query.exclude) + (seen if query.exclude_seen else 0)
                return self._proposed(query, vector.reshape(1, -1), self._multiplier * query.k + left_out)
        return self._exact.recommend(query)

    def _proposed(self, query: RecommendQuery, vector: NDArray[np.float32], wanted: int) -> Found:
        for count in (wanted, wanted * _WIDENING):
            if count > self._items * _LARGEST_PART:
                break
            rows = self._index.search(vector, count)
            answer = self._engine.recommend(
                user_id=query.user_id,
                session_id=query.session_id,
                k=query.k,
                candidate_rows=rows,
                exclude=query.exclude,
                exclude_seen=query.exclude_seen,
                recent_events=query.recent_events,
            )
            if len(answer.rows) == query.k:
                return Found(answer, approximate=True)
        return self._exact.recommend(query)


class _Index(Protocol):
    def search(self, vector: NDArray[np.float32], count: int) -> NDArray[np.int64]: ...


class _FaissIndex:
    def __init__(self, faiss: Any, index: Any) -> None:
        self._faiss = faiss
        self._index = index

    def search(self, vector: NDArray[np.float32], count: int) -> NDArray[np.int64]:
        # OpenMP keeps this for each thread. A query is not worth more than one: they would fight for the cores.
        self._faiss.omp_set_num_threads(1)
        rows: NDArray[np.int64] = self._index.search(vector, count)[1][0]
        return rows[rows >= 0]


def _build(item_vectors: NDArray[np.float32], settings: RetrievalSettings) -> _Index:
    import faiss  # noqa: PLC0415 - half a second, and only for those who want it

    started = time.perf_counter()
    log = _LOGGER.bind(factory=settings.faiss_factory, items=len(item_vectors))
    try:
        index = faiss.index_factory(item_vectors.shape[1], settings.faiss_factory, faiss.METRIC_INNER_PRODUCT)
        log.info("faiss_training")
        index.train(item_vectors)
        log.info("faiss_adding", seconds=round(time.perf_counter() - started, 3))
        index.add(item_vectors)
        if settings.faiss_search_parameters:
            parameters: Any = faiss.ParameterSpace()
            parameters.set_index_parameters(index, settings.faiss_search_parameters)
    except RuntimeError as error:
        raise ConfigurationError(
            f"retrieval.faiss_factory {settings.faiss_factory!r} with faiss_search_parameters "
            f"{settings.faiss_search_parameters!r} cannot be used for {len(item_vectors)} items of "
            f"{item_vectors.shape[1]} dimensions: {_PLACE_IN_FAISS.sub('', str(error))}"
        ) from None
    log.info("faiss_ready", seconds=round(time.perf_counter() - started, 3))
    return _FaissIndex(faiss, index)
