"""Where queries run."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from recstream_server.item_filters import ItemFilters
from recstream_server.queries import RecommendQuery, SimilarQuery
from recstream_server.recommender import Recommender
from recstream_server.retrieval import Found
from recstream_server.retrieval.exact import ExactRetrieval
from recstream_server.served_model import ServedModel

from recstream._core import CompiledFilter
from recstream.bundle import load_bundle
from recstream.bundle.attribute_table import build_attribute_table
from recstream.bundle.engine import build_engine
from recstream.errors import NotFoundError, StateVersionError

QUERY = RecommendQuery(
    user_id="user-1",
    session_id="",
    k=3,
    candidates=None,
    exclude=(),
    exclude_seen=True,
    recent_events=(),
    include_attributes=False,
    min_state_version=0,
)


class Noting(ExactRetrieval):
    """Remembers the thread that asked."""

    asked_by: threading.Thread | None = None

    def recommend(self, query: RecommendQuery, allow: CompiledFilter | None = None) -> Found:
        self.asked_by = threading.current_thread()
        return super().recommend(query, allow)


@pytest.mark.parametrize(("limit", "on_the_loop"), [(200 * 8 + 100 * 8 * 8, True), (200 * 8 + 100 * 8 * 8 - 1, False)])
def test_long_queries_leave_the_loop(bundle_path: Path, limit: int, on_the_loop: bool) -> None:
    bundle = load_bundle(bundle_path)
    engine = build_engine(bundle, max_history=100)
    retrieval = Noting(engine)
    filters = ItemFilters(build_attribute_table(bundle.items, cache_bytes=0))
    model = ServedModel(bundle, engine, retrieval, filters, max_history=100)
    with ThreadPoolExecutor(1) as executor:
        recommender = Recommender(model, executor, executor, limit)
        found = asyncio.run(recommender.recommend(QUERY))
        similar = asyncio.run(recommender.similar(SimilarQuery("item-1", 2, include_attributes=False)))
        with pytest.raises(NotFoundError):
            asyncio.run(recommender.similar(SimilarQuery("no such item", 2, include_attributes=False)))
        with pytest.raises(StateVersionError, match="1"):
            asyncio.run(recommender.recommend(QUERY._replace(min_state_version=1)))
    assert (len(found.answer.rows), len(similar.rows)) == (3, 2)
    assert (retrieval.asked_by is threading.current_thread()) is on_the_loop
