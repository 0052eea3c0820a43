"""A model that retrieves by neighbours, behind a real server."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from recstream.bundle import BundleContent, DataRecord, ItemNeighbours, TrainingRecord, write_bundle
from recstream.v1 import model_service_pb2 as model_pb
from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb
from tests.server.conftest import ServerProcess

ITEMS = 50


def write_ring(path: Path) -> Path:
    """Items in a ring: who had one is recommended the next, then the one after; no user has a history."""
    columns = (np.arange(ITEMS)[:, None] + [1, 2]) % ITEMS
    content = BundleContent(
        name="ring",
        family="item_knn",
        item_ids=[f"item-{number}" for number in range(ITEMS)],
        item_popularity=np.arange(ITEMS, 0, -1, dtype=np.float32),
        user_ids=["user-0"],
        history=(np.zeros(2, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)),
        encoder=ItemNeighbours(),
        neighbours=(
            np.arange(0, 2 * ITEMS + 1, 2, dtype=np.int64),
            columns.ravel().astype(np.int32),
            np.tile(np.array([1, 0.5], np.float32), ITEMS),
        ),
        items=pl.DataFrame({"title": [f"Title {number}" for number in range(ITEMS)]}),
        metrics={},
        training=TrainingRecord(seed=1, protocol=None, config={}),
        data=DataRecord(name="ring", interactions=0, fingerprint="0" * 64),
    )
    write_bundle(path, content)
    return path


@pytest.fixture(scope="module")
def ring(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ring(tmp_path_factory.mktemp("ring") / "bundle")


@pytest.fixture(scope="module")
def server(ring: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    process = ServerProcess("--bundle", str(ring), "--state", str(tmp_path_factory.mktemp("state")))
    yield process
    process.close()


def write(server: ServerProcess, user: str, item: int) -> int:
    event = types.UserEvent(user_id=user, item_id=f"item-{item}", event_type="click")
    return server.user_event.WriteUserEvent(event_pb.WriteUserEventRequest(event=event), timeout=10).state_version


def items(recommendations) -> list[str]:
    return [one.item_id for one in recommendations]


def test_an_acknowledged_event_is_in_the_next_answer(server: ServerProcess) -> None:
    request = rec_pb.RecommendItemsRequest(user_id="reader", page_size=4)
    before = server.recommendation.RecommendItems(request, timeout=10)
    assert (before.fallback, items(before.recommendations)) == (
        types.FALLBACK_POPULAR,
        ["item-0", "item-1", "item-2", "item-3"],
    )
    version = write(server, "reader", 20)
    answer = server.recommendation.RecommendItems(request, timeout=10)
    assert (answer.state_version, answer.fallback) == (version, types.FALLBACK_NONE)
    assert items(answer.recommendations) == ["item-21", "item-22", "item-0", "item-1"]
    assert not answer.approximate


def test_candidates_are_ranked(server: ServerProcess) -> None:
    write(server, "ranker", 30)
    wanted = ["item-9", "item-32", "nowhere", "item-31", "item-8"]
    answer = server.recommendation.RankItems(rec_pb.RankItemsRequest(user_id="ranker", item_ids=wanted), timeout=10)
    assert items(answer.recommendations) == ["item-31", "item-32", "item-8", "item-9"]
    assert list(answer.missing_item_ids) == ["nowhere"]


def test_similar_items_are_those_of_the_matrix(server: ServerProcess) -> None:
    request = rec_pb.FindSimilarItemsRequest(item_id="item-5", page_size=3)
    answer = server.recommendation.FindSimilarItems(request, timeout=10)
    assert items(answer.recommendations) == ["item-6", "item-7", "item-0"]


def test_a_watcher_sees_the_list_change(server: ServerProcess) -> None:
    request = rec_pb.WatchRecommendationsRequest(recommend=rec_pb.RecommendItemsRequest(user_id="watcher", page_size=1))
    watch = server.recommendation.WatchRecommendations(request, timeout=20)
    assert items(next(watch).recommendation.recommendations) == ["item-0"]
    write(server, "watcher", 40)
    assert items(next(watch).recommendation.recommendations) == ["item-41"]
    watch.cancel()


def test_the_model_is_described(server: ServerProcess) -> None:
    (model,) = server.model.ListModels(model_pb.ListModelsRequest(), timeout=10).models
    assert (model.family, model.retrieval, model.dimension, model.item_count) == ("item_knn", "exact", 0, ITEMS)


def test_faiss_has_nothing_to_search(ring: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.toml"
    config.write_text('[retrieval]\nkind = "faiss"\n')
    process = ServerProcess("--bundle", str(ring), "--state", str(tmp_path / "state"), "--config", str(config))
    code, _, errors = process.join()
    process.close()
    assert code != 0
    assert "retrieves by neighbours, without vectors" in errors
