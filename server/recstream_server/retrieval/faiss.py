"""A FAISS index proposes, the engine decides: for catalogues that are too large to scan."""

import numpy as np
from numpy.typing import NDArray

from recstream._core import CompiledFilter, Engine
from recstream_server.queries import RecommendQuery
from recstream_server.retrieval.exact import ExactRetrieval
from recstream_server.retrieval.faiss_base import FaissBase
from recstream_server.retrieval.live_index import LARGEST_PROPOSED_PART
from recstream_server.retrieval.protocol import Found
from recstream_server.settings import RetrievalSettings

# Where a filter allows less than this part of the catalogue, the exact scan of what is left is both quicker and better:
# an index still walks past all that it may not propose.
_LEAST_ALLOWED_PART = 0.1

# Asked again once with this many times the proposals; then the exact path answers.
_WIDENING = 4


class FaissRetrieval:
    """Answers from what an index proposes, rescored by the engine.

    The index is asked for a multiple of the items wanted, plus those that will be left out. If fewer than K of the
    proposals are eligible it is asked again for more, and in the end the engine scans every item. It proposes only what
    the filter allows. Given candidates, users without a vector and filters that allow little go straight to the engine.

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

    def recommend(self, query: RecommendQuery, allow: CompiledFilter | None = None) -> Found:
        """Answer a query."""
        if query.candidates is None and (allow is None or allow.count >= _LEAST_ALLOWED_PART * self._items):
            vector, seen = self._engine.user_vector(
                user_id=query.user_id,
                session_id=query.session_id,
                recent_events=query.recent_events,
                encoded=query.encoded,
            )
            if vector is not None:
                left_out = len(query.exclude) + (seen if query.exclude_seen else 0)
                return self._proposed(query, allow, vector.reshape(1, -1), self._multiplier * query.k + left_out)
        return self._exact.recommend(query, allow)

    def _proposed(
        self, query: RecommendQuery, allow: CompiledFilter | None, vector: NDArray[np.float32], wanted: int
    ) -> Found:
        eligible = None if allow is None else allow.words
        for count in (wanted, wanted * _WIDENING):
            if count > self._items * LARGEST_PROPOSED_PART:
                break
            rows = self._base.search(vector, count, eligible)[0]
            answer = self._engine.recommend(
                user_id=query.user_id,
                session_id=query.session_id,
                k=query.k,
                candidate_rows=rows[rows >= 0],
                exclude=query.exclude,
                exclude_seen=query.exclude_seen,
                recent_events=query.recent_events,
                encoded=query.encoded,
                allow=allow,
            )
            if len(answer.rows) == query.k:
                return Found(answer, approximate=True)
        return self._exact.recommend(query, allow)
