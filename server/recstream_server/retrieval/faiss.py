"""A FAISS index proposes, the engine decides: for catalogues that are too large to scan."""

import numpy as np
from numpy.typing import NDArray

from recstream._core import Engine
from recstream_server.queries import RecommendQuery
from recstream_server.retrieval.exact import ExactRetrieval
from recstream_server.retrieval.faiss_base import FaissBase
from recstream_server.retrieval.live_index import LARGEST_PROPOSED_PART
from recstream_server.retrieval.protocol import Found
from recstream_server.settings import RetrievalSettings

# Asked again once with this many times the proposals; then the exact path answers.
_WIDENING = 4


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
        As `FaissBase`.
    """

    def __init__(self, engine: Engine, item_vectors: NDArray[np.float32], settings: RetrievalSettings) -> None:
        self.name = f"faiss:{settings.faiss_factory}"
        self._engine = engine
        self._exact = ExactRetrieval(engine)
        self._items = len(item_vectors)
        self._multiplier = settings.faiss_candidate_multiplier
        rows = np.arange(self._items, dtype=np.int64)
        self._base = FaissBase(item_vectors.__getitem__, rows, item_vectors.shape[1], settings)

    def recommend(self, query: RecommendQuery) -> Found:
        """Answer a query."""
        if query.candidates is None:
            vector, seen = self._engine.user_vector(
                user_id=query.user_id,
                session_id=query.session_id,
                recent_events=query.recent_events,
                encoded=query.encoded,
            )
            if vector is not None:
                left_out = len(query.exclude) + (seen if query.exclude_seen else 0)
                return self._proposed(query, vector.reshape(1, -1), self._multiplier * query.k + left_out)
        return self._exact.recommend(query)

    def _proposed(self, query: RecommendQuery, vector: NDArray[np.float32], wanted: int) -> Found:
        for count in (wanted, wanted * _WIDENING):
            if count > self._items * LARGEST_PROPOSED_PART:
                break
            rows = self._base.search(vector, count)[0]
            answer = self._engine.recommend(
                user_id=query.user_id,
                session_id=query.session_id,
                k=query.k,
                candidate_rows=rows[rows >= 0],
                exclude=query.exclude,
                exclude_seen=query.exclude_seen,
                recent_events=query.recent_events,
                encoded=query.encoded,
            )
            if len(answer.rows) == query.k:
                return Found(answer, approximate=True)
        return self._exact.recommend(query)
