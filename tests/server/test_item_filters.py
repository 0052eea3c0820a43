"""Filters through a real server: K items whenever K pass, in every RPC, exact and FAISS, against NumPy."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from recstream.bundle import AlsFoldIn, BundleContent, DataRecord, TrainingRecord, write_bundle
from recstream.client import Client, RecommendFields, equals_any, exists, in_range, item_filter
from recstream.errors import InvalidArgumentError
from recstream.v1.types_pb2 import Condition

ITEMS, USERS, DIMENSION = 5000, 3, 8
RANDOM = np.random.default_rng(3)
ITEM_VECTORS = RANDOM.standard_normal((ITEMS, DIMENSION)).astype(np.float32)
USER_VECTORS = RANDOM.standard_normal((USERS, DIMENSION)).astype(np.float32)
BUCKETS = RANDOM.permutation(ITEMS) % 1000
POPULARITY = RANDOM.permutation(ITEMS).astype(np.float32)

FAISS = '[retrieval]\nkind = "faiss"\nfaiss_factory = "IVF16,Flat"\nfaiss_search_parameters = "nprobe=16"\n'


@pytest.fixture(scope="module")
def bundle_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundles") / "filtered"
    content = BundleContent(
        name="filtered",
        family="als",
        item_ids=[f"item-{row}" for row in range(ITEMS)],
        item_vectors=ITEM_VECTORS,
        item_popularity=POPULARITY,
        user_ids=[f"user-{row}" for row in range(USERS)],
        user_vectors=USER_VECTORS,
        history=(np.zeros(USERS + 1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)),
        encoder=AlsFoldIn(unobserved_weight=0.1, regularization=0.1, regularization_exponent=0.0),
        items=pl.DataFrame(
            {
                "bucket": BUCKETS,
                "title": [f"Title {row}" for row in range(ITEMS)],
                "genres": [["Drama", f"Genre {bucket}"] for bucket in BUCKETS],
                "in_stock": BUCKETS < 500,
            }
        ),
        metrics={},
        training=TrainingRecord(seed=3, protocol=None, config={}),
        data=DataRecord(name="synthetic", interactions=0, fingerprint="0" * 64),
    )
    write_bundle(path, content)
    return path


@pytest.fixture(params=["exact", "faiss"])
def client(start_server: Callable[..., Any], tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Client]:
    config = tmp_path / "config.toml"
    config.write_text(FAISS if request.param == "faiss" else "")
    with Client(start_server("--config", str(config), "--metrics", "127.0.0.1:0").target, timeout_s=30) as connected:
        yield connected


def ranked(scores: np.ndarray, passing: np.ndarray, k: int) -> list[str]:
    order = np.argsort(-scores.astype(np.float64), kind="stable")
    return [f"item-{row}" for row in order if passing[row]][:k]


def ids(answer: Any) -> list[str]:
    return [one.item_id for one in answer.recommendations]


@pytest.mark.parametrize("client", ["exact", "faiss"], indirect=True, ids=str)
def test_k_items_whenever_k_pass(client: Client, request: pytest.FixtureRequest) -> None:
    scores = ITEM_VECTORS.astype(np.float64) @ USER_VECTORS[1].astype(np.float64)
    norms = np.linalg.norm(ITEM_VECTORS, axis=1)
    cosine = ITEM_VECTORS @ ITEM_VECTORS[9] / norms
    for below in (500, 10, 1):
        allow, passing = item_filter(in_range("bucket", less=below)), below > BUCKETS
        for k in (1, 5, 50, 400):
            answer = client.recommend_items("user-1", page_size=k, filter=allow)
            assert ids(answer) == ranked(scores, passing, k)
            # An index that were asked for 4 * 400 of 5000 items would save nothing.
            assert answer.approximate == ("faiss" in request.node.name and below == 500 and k < 400)
            assert ids(client.recommend_items("nobody", page_size=k, filter=allow)) == ranked(POPULARITY, passing, k)
        candidates = [f"item-{row}" for row in range(0, ITEMS, 2)]
        expected = ranked(scores, passing & (np.arange(ITEMS) % 2 == 0), ITEMS)
        assert ids(client.rank_items("user-1", candidates, filter=allow)) == expected
        similar = client.find_similar_items("item-9", page_size=20, filter=allow)
        assert ids(similar) == ranked(cosine, passing & (np.arange(ITEMS) != 9), 20)


@pytest.mark.parametrize("client", ["exact"], indirect=True)
def test_streams_and_watches_take_filters(client: Client) -> None:
    scores = ITEM_VECTORS.astype(np.float64) @ USER_VECTORS[2].astype(np.float64)
    query: RecommendFields = {
        "page_size": 20,
        "filter": item_filter(
            equals_any("in_stock", True),
            any_of=[equals_any("genres", "Genre 1", "Genre 2", "Genre 900"), equals_any("bucket", 7, 8)],
            none_of=[equals_any("bucket", 2), exists("title", False)],
        ),
    }
    expected = ranked(scores, np.isin(BUCKETS, [1, 7, 8]), 20)
    assert len(expected) == 15
    with client.stream() as stream:
        assert ids(stream.recommend("user-2", **query).result(30)) == expected
    with client.watch_recommendations("user-2", **query) as watch:
        assert ids(next(watch).recommendation) == expected


@pytest.mark.parametrize("client", ["exact"], indirect=True)
def test_what_does_not_fit_the_model_is_refused(client: Client) -> None:
    faults: dict[str, tuple[Condition, str, str]] = {
        "attribute": (exists("genre"), "filter.any_of[0].attribute", "did you mean 'genres'? they have bucket, genres"),
        "range": (in_range("title", less=3), "filter.any_of[0].range", "is for numbers, and 'title' is text"),
        "strings": (equals_any("bucket", "7"), "filter.any_of[0].equals_any", "'bucket' is number; give numbers"),
        "numbers": (equals_any("genres", 7), "filter.any_of[0].equals_any", "'genres' is list of text; give strings"),
        "flags": (equals_any("in_stock", 1), "filter.any_of[0].equals_any", "'in_stock' is boolean; give bools"),
    }
    for condition, path, problem in faults.values():
        wanted = item_filter(exists("title"), any_of=[condition])
        calls: list[Callable[[], Any]] = [
            lambda wanted=wanted: client.recommend_items("user-1", filter=wanted),
            lambda wanted=wanted: client.rank_items("user-1", ["item-1"], filter=wanted),
            lambda wanted=wanted: client.find_similar_items("item-1", filter=wanted),
        ]
        for call in calls:
            with pytest.raises(InvalidArgumentError) as caught:
                call()
            [(found, description)] = caught.value.violations
            assert found == path
            assert problem in description
    with client.stream() as stream, pytest.raises(InvalidArgumentError) as caught:
        stream.recommend("user-1", filter=item_filter(exists("nothing"))).result(30)
    assert caught.value.violations[0].field == "recommend.filter.all_of[0].attribute"
