"""FAISS proposes, the engine rescores: always K answers, exact scores, and honest about what is approximate."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recstream_server.queries import RecommendQuery
from recstream_server.retrieval.exact import ExactRetrieval
from recstream_server.retrieval.faiss import FaissRetrieval
from recstream_server.settings import RetrievalSettings

from recstream._core import Engine, IdTable, UserEncoder
from recstream.errors import ConfigurationError
from recstream.v1 import model_service_pb2 as model_pb
from recstream.v1 import recommendation_service_pb2 as rec_pb

ITEMS, DIMENSION, K = 4000, 16, 10
FACTORIES = ["HNSW16", "IVF32,Flat", "IVF16,SQ8", "Flat"]


def table(prefix: str, count: int) -> IdTable:
    names = [f"{prefix}-{number}".encode() for number in range(count)]
    return IdTable(np.frombuffer(b"".join(names), np.uint8), np.cumsum([0, *map(len, names)], dtype=np.int64))


@pytest.fixture(scope="module")
def vectors() -> np.ndarray:
    return np.random.default_rng(2).standard_normal((ITEMS, DIMENSION)).astype(np.float32)


@pytest.fixture(scope="module")
def engine(vectors: np.ndarray) -> Engine:
    random = np.random.default_rng(3)
    users = 8
    rows = np.concatenate([random.choice(ITEMS, 50, replace=False) for _ in range(users)]).astype(np.int32)
    return Engine(
        item_ids=table("item", ITEMS),
        item_vectors=vectors,
        item_popularity=np.arange(ITEMS, dtype=np.float32),
        user_ids=table("user", users),
        user_vectors=random.standard_normal((users, DIMENSION)).astype(np.float32),
        history=(np.arange(0, 50 * users + 1, 50, dtype=np.int64), rows, np.ones(50 * users, np.float32)),
        encoder=UserEncoder.decayed_pooling(vectors, half_life_events=5.0),
        threads=1,
    )


@pytest.fixture(scope="module", params=FACTORIES)
def retrieval(request: Any, engine: Engine, vectors: np.ndarray) -> FaissRetrieval:
    return FaissRetrieval(engine, vectors, RetrievalSettings(kind="faiss", faiss_factory=request.param))


def query(user_id: str = "user-1", **fields: Any) -> RecommendQuery:
    whole = RecommendQuery(
        user_id=user_id,
        session_id="",
        k=K,
        candidates=None,
        exclude=(),
        exclude_seen=True,
        recent_events=(),
        include_attributes=False,
        min_state_version=0,
    )
    return whole._replace(**fields)


def excluded(part: float) -> list[str]:
    return [f"item-{row}" for row in np.random.default_rng(5).permutation(ITEMS)[: int(part * ITEMS)]]


@pytest.mark.parametrize("part", [0.0, 0.5, 0.99])
def test_k_items_whatever_is_excluded(retrieval: FaissRetrieval, engine: Engine, part: float) -> None:
    for user in range(8):
        asked = query(f"user-{user}", exclude=excluded(part))
        found = retrieval.recommend(asked)
        exact = ExactRetrieval(engine).recommend(asked).answer
        assert len(exact.rows) == K
        assert len(set(found.answer.rows)) == K
        assert not set(found.answer.item_ids) & set(asked.exclude)
        everything = engine.recommend(user_id=f"user-{user}", k=ITEMS)
        scores = dict(zip(everything.rows, everything.scores, strict=True))
        assert found.answer.scores == [scores[row] for row in found.answer.rows]
        assert found.answer.scores == sorted(found.answer.scores, reverse=True)
        if not found.approximate:
            assert (found.answer.rows, found.answer.scores) == (exact.rows, exact.scores)


def test_approximate_unless_the_exact_path_answered(retrieval: FaissRetrieval) -> None:
    assert retrieval.recommend(query()).approximate
    assert not retrieval.recommend(query(exclude=excluded(0.99))).approximate


def test_most_of_the_best_items_are_found(retrieval: FaissRetrieval, engine: Engine) -> None:
    """A floor that a broken metric or vector would miss by far; the indexes are at their own defaults."""
    hits = 0
    for user in range(8):
        best = set(ExactRetrieval(engine).recommend(query(f"user-{user}")).answer.rows)
        hits += len(best & set(retrieval.recommend(query(f"user-{user}")).answer.rows))
    # IVF looks into one of its lists by default.
    assert hits / (8 * K) >= (0.15 if retrieval.name.startswith("faiss:IVF") else 0.6)


def test_seen_items_are_left_out(retrieval: FaissRetrieval, engine: Engine) -> None:
    _, seen = engine.user_vector(user_id="user-3")
    assert seen == 50
    with_seen = retrieval.recommend(query("user-3", exclude_seen=False, k=50)).answer.rows
    without = retrieval.recommend(query("user-3", k=50)).answer.rows
    assert len(with_seen) == len(without) == 50


def test_given_candidates_and_popular_items_are_exact(retrieval: FaissRetrieval) -> None:
    given = retrieval.recommend(query(candidates=["item-1", "item-2", "no such item"]))
    assert not given.approximate
    assert given.answer.missing_item_ids == ["no such item"]
    popular = retrieval.recommend(query("nobody"))
    assert not popular.approximate
    assert popular.answer.rows == list(range(ITEMS - 1, ITEMS - 1 - K, -1))


def test_fewer_eligible_than_k_come_from_the_exact_path(retrieval: FaissRetrieval) -> None:
    found = retrieval.recommend(query(k=1000, exclude=excluded(0.9)))
    assert len(found.answer.rows) > 300
    assert not found.approximate


def test_search_parameters_are_applied(engine: Engine, vectors: np.ndarray) -> None:
    settings = RetrievalSettings(kind="faiss", faiss_factory="IVF32,Flat", faiss_search_parameters="nprobe=32")
    thorough = FaissRetrieval(engine, vectors, settings)
    for user in range(8):
        best = ExactRetrieval(engine).recommend(query(f"user-{user}")).answer
        assert thorough.recommend(query(f"user-{user}")).answer.rows == best.rows


@pytest.mark.parametrize(
    "settings",
    [
        {"faiss_factory": "NoSuchIndex"},
        {"faiss_factory": "HNSW16", "faiss_search_parameters": "nosuch=3"},
        {"faiss_factory": "IVF100000,Flat"},
        {"faiss_factory": "PQ7"},
    ],
)
def test_an_index_that_cannot_be_built_is_refused(engine: Engine, vectors: np.ndarray, settings: dict) -> None:
    with pytest.raises(ConfigurationError, match=r"retrieval\.faiss_factory") as caught:
        FaissRetrieval(engine, vectors, RetrievalSettings(kind="faiss", **settings))
    assert "4000 items of 16 dimensions" in str(caught.value)
    assert ".cpp" not in str(caught.value)


def test_a_server_says_so(start_server: Callable[..., Any], tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text('[retrieval]\nkind = "faiss"\nfaiss_factory = "HNSW8"\n[limits]\npage_size = 20\n')
    server = start_server("--config", str(config))
    response = server.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(user_id="user-1", page_size=5))
    assert (len(response.recommendations), response.approximate) == (5, True)
    (model,) = server.model.ListModels(model_pb.ListModelsRequest()).models
    assert model.retrieval == "faiss:HNSW8"
