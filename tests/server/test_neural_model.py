"""A real server with an ONNX encoder whose answers NumPy knows: every event in the next answer, after a crash too."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from onnx_encoders import changed, expected, sum_encoder, table

from recstream.bundle import BundleContent, DataRecord, OnnxEncoder, TrainingRecord, write_bundle
from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb

ITEMS, USERS, DIMENSION = 60, 4, 8
TABLE = table(ITEMS, DIMENSION)
VECTORS = np.random.default_rng(2).standard_normal((ITEMS, DIMENSION)).astype(np.float32)
HISTORY = np.arange(3 * USERS, dtype=np.int32)
INPUTS = ("rows", "weights", "times")
THEN = 1_500_000_000
CLICK, LIKE, DISLIKE = 1.0, 2.0, -2.0

Touch = tuple[int, float, int]


def content(onnx: bytes) -> BundleContent:
    history = HISTORY.reshape(USERS, 3)
    return BundleContent(
        name="neural",
        family="summing",
        item_ids=[f"item-{row}" for row in range(ITEMS)],
        item_vectors=VECTORS,
        item_popularity=np.ones(ITEMS, np.float32),
        user_ids=[f"user-{row}" for row in range(USERS)],
        user_vectors=np.stack([expected(TABLE, rows.tolist(), [1, 1, 1], [THEN] * 3) for rows in history]).astype(
            np.float32
        ),
        history=(np.arange(0, 3 * USERS + 1, 3), HISTORY, np.ones(3 * USERS, np.float32)),
        history_times=np.full(3 * USERS, THEN),
        encoder=OnnxEncoder(5, INPUTS),
        onnx=onnx,
        items=pl.DataFrame({"title": [f"Title {row}" for row in range(ITEMS)]}),
        metrics={},
        training=TrainingRecord(seed=1, protocol=None, config={}),
        data=DataRecord(name="made", interactions=3 * USERS, fingerprint="0" * 64),
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("neural") / "bundle"
    write_bundle(path, content(sum_encoder(TABLE, INPUTS)))
    return path


def event(user: str, item: int, kind: str, time: int, session: str = "") -> types.UserEvent:
    return types.UserEvent(
        user_id=user,
        session_id=session,
        item_id=f"item-{item}",
        event_type=kind,
        event_time=Timestamp(seconds=time, nanos=999_999_999),
    )


def check(answer: rec_pb.RecommendItemsResponse, *touches: Touch) -> None:
    """The answer is the ranking by the encoder over the last five of these (item, weight, time)."""
    rows, weights, times = zip(*touches[-5:], strict=True)
    scores = VECTORS.astype(np.float64) @ expected(TABLE, rows, weights, times)
    best = np.argsort(-scores)
    best = best[~np.isin(best, [item for item, *_ in touches])][: len(answer.recommendations)]
    assert [recommended.item_id for recommended in answer.recommendations] == [f"item-{row}" for row in best]
    np.testing.assert_allclose([recommended.score for recommended in answer.recommendations], scores[best], rtol=1e-4)


def history_of(user: int) -> list[Touch]:
    return [(int(row), 1.0, THEN) for row in HISTORY.reshape(USERS, 3)[user]]


def test_every_event_is_in_the_next_answer_also_after_a_crash(start_server: Callable[..., Any], bundle: Path) -> None:
    server = start_server("--bundle", str(bundle), "--metrics", "127.0.0.1:0")
    query = server.recommendation.RecommendItems
    write = server.user_event.WriteUserEvent
    known, new = "user-1", "newcomer"
    check(query(rec_pb.RecommendItemsRequest(user_id=known)), *history_of(1))

    touches: dict[str, list[Touch]] = {known: history_of(1), new: []}
    for number, (kind, weight) in enumerate([("click", CLICK), ("like", LIKE), ("dislike", DISLIKE), ("click", CLICK)]):
        for user, item in ((known, 20 + number), (new, 30 + number)):
            receipt = write(event_pb.WriteUserEventRequest(event=event(user, item, kind, THEN + number)))
            touches[user].append((item, weight, THEN + number))
            answer = query(rec_pb.RecommendItemsRequest(user_id=user))
            check(answer, *touches[user])
            assert answer.state_version == receipt.state_version
    assert server.metrics()['recstream_encoded_users_total{result="ok",when="event"}'] == 8
    assert 'recstream_encoded_users_total{result="ok",when="query"}' not in server.metrics()

    server.stop(signal.SIGKILL)
    again = start_server("--bundle", str(bundle), "--metrics", "127.0.0.1:0")
    for user in (known, new):
        check(again.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(user_id=user)), *touches[user])
    assert again.metrics()['recstream_encoded_users_total{result="ok",when="query"}'] == 2


def test_a_watcher_is_served_on_when_a_commit_did_not_encode_its_user(
    start_server: Callable[..., Any], bundle: Path, tmp_path: Path
) -> None:
    config = tmp_path / "server.toml"
    config.write_text("[encoder]\nusers_per_commit = 0\n")
    server = start_server("--bundle", str(bundle), "--config", str(config))
    query = rec_pb.RecommendItemsRequest(user_id="user-1")
    lists = server.recommendation.WatchRecommendations(rec_pb.WatchRecommendationsRequest(recommend=query))
    first = next(lists)
    assert first.cause == rec_pb.WatchRecommendationsResponse.CAUSE_INITIAL
    check(first.recommendation, *history_of(1))
    touches = history_of(1)
    for number in range(3):
        receipt = server.user_event.WriteUserEvent(
            event_pb.WriteUserEventRequest(event=event("user-1", 20 + number, "click", THEN + number))
        )
        touches.append((20 + number, CLICK, THEN + number))
        pushed = next(lists)
        assert pushed.cause == rec_pb.WatchRecommendationsResponse.CAUSE_EVENT
        assert pushed.recommendation.state_version == receipt.state_version
        check(pushed.recommendation, *touches)
    lists.cancel()


def test_streams_sessions_and_recent_events_are_encoded(start_server: Callable[..., Any], bundle: Path) -> None:
    server = start_server("--bundle", str(bundle))
    requests, touches = [], []
    for number in range(12):
        touches.append((15 + number, CLICK, THEN + number))
        requests.append(rec_pb.StreamingRecommendRequest(event=event("", 15 + number, "click", THEN + number, "s")))
        requests.append(rec_pb.StreamingRecommendRequest(recommend=rec_pb.RecommendItemsRequest(session_id="s")))
    answers = list(server.recommendation.StreamingRecommend(iter(requests)))
    for number, answer in enumerate(answers[1::2], start=1):
        check(answer.recommendation, *touches[:number])
        assert answer.recommendation.fallback == types.FALLBACK_SESSION

    recent = [event("", 40, "like", THEN + 50)]
    query = rec_pb.RecommendItemsRequest(user_id="user-2", recent_events=recent)
    check(server.recommendation.RecommendItems(query), *history_of(2), (40, LIKE, THEN + 50))
    check(server.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(user_id="user-2")), *history_of(2))
    nobody = rec_pb.RecommendItemsRequest(user_id="nobody", recent_events=recent)
    check(server.recommendation.RecommendItems(nobody), (40, LIKE, THEN + 50))


def test_a_faiss_index_proposes_for_encoded_users(
    start_server: Callable[..., Any], bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECSTREAM_SERVER__RETRIEVAL__KIND", "faiss")
    monkeypatch.setenv("RECSTREAM_SERVER__RETRIEVAL__FAISS_FACTORY", "Flat")
    monkeypatch.setenv("RECSTREAM_SERVER__ENCODER__USERS_PER_COMMIT", "0")
    server = start_server("--bundle", str(bundle))
    server.user_event.WriteUserEvent(event_pb.WriteUserEventRequest(event=event("a", 3, "click", THEN)))
    answer = server.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(user_id="a", page_size=2))
    check(answer, (3, CLICK, THEN))
    assert answer.approximate


@pytest.mark.parametrize("damage", ["altered", "missing"])
def test_a_damaged_encoder_is_refused(
    start_server: Callable[..., Any], bundle: Path, tmp_path: Path, damage: str
) -> None:
    copy = tmp_path / "damaged"
    copy.mkdir()
    for file in bundle.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    if damage == "missing":
        (copy / "encoder.onnx").unlink()
    else:
        data = (copy / "encoder.onnx").read_bytes()

        def rename(made: Any) -> None:
            made.graph.name = made.graph.name[::-1]

        (copy / "encoder.onnx").write_bytes(changed(data, rename))
    server = start_server("--bundle", str(copy))
    code, _, log = server.join()
    assert code != 0
    assert "encoder.onnx" in log
    assert ("is missing" if damage == "missing" else "altered") in log
