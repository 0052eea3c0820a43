"""The default: the engine scans every item."""

from recstream._core import CompiledFilter, Engine
from recstream_server.queries import RecommendQuery
from recstream_server.retrieval.protocol import Found


class ExactRetrieval:
    """Answers from the engine alone.

    Parameters
    ----------
    engine : Engine
    """

    name = "exact"

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def recommend(self, query: RecommendQuery, allow: CompiledFilter | None = None) -> Found:
        """Answer a query."""
        answer = self._engine.recommend(
            user_id=query.user_id,
            session_id=query.session_id,
            k=query.k,
            candidates=query.candidates,
            exclude=query.exclude,
            exclude_seen=query.exclude_seen,
            recent_events=query.recent_events,
            encoded=query.encoded,
            allow=allow,
        )
        return Found(answer, approximate=False)
