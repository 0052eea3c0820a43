"""What a way of searching offers."""

from typing import NamedTuple, Protocol

from recstream._core import Answer, CompiledFilter
from recstream_server.queries import RecommendQuery


class Found(NamedTuple):
    """An answer, and whether better items may have been missed."""

    answer: Answer
    approximate: bool


class Retrieval(Protocol):
    """Finds a user's best items. Safe to use from many threads."""

    @property
    def name(self) -> str:
        """As `Model.retrieval` tells it: ``exact``, or ``faiss:`` and the index factory string."""

    def recommend(self, query: RecommendQuery, allow: CompiledFilter | None = None) -> Found:
        """Answer a query from the items that its filter allows; K items whenever K are eligible."""
