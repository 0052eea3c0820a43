"""RecommendItems, RankItems and FindSimilarItems over a real channel."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest

from recstream.attribution import read_token
from recstream.bundle import load_bundle
from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb

Fixture = Callable[..., Any]


def ids(response: Any) -> list[str]:
    return [recommendation.item_id for recommendation in response.recommendations]


def write(server: Any, event: types.UserEvent) -> event_pb.WriteUserEventResponse:
    return server.user_event.WriteUserEvent(event_pb.WriteUserEventRequest(event=event))


def test_a_known_user_gets_the_best_by_inner_product_without_the_history(server: Any, bundle_path: Path) -> None:
    bundle = load_bundle(bundle_path)
    scores = bundle.item_vectors.astype(np.float64) @ bundle.user_vectors[4].astype(np.float64)
    history = set(bundle.history_rows[12:15].tolist())
    best = [row for row in np.argsort(-scores, kind="stable").tolist() if row not in history][:10]

    response = server.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(user_id="user-4"))

    assert ids(response) == [f"item-{row}" for row in best]
    np.testing.assert_allclose([r.score for r in response.recommendations], scores[best], rtol=1e-6)
    assert response.fallback == types.FALLBACK_NONE
    assert (response.model.name, response.model.version) == (bundle.manifest.name, bundle.manifest.version)
    assert not response.approximate
    assert response.state_version == 0


def test_an_unknown_user_gets_what_is_popular(server: Any) -> None:
    response = server.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(user_id="nobody", page_size=3))
    assert ids(response) == ["item-0", "item-1", "item-2"]
    assert response.fallback == types.FALLBACK_POPULAR


def test_an_answer_carries_a_token_of_its_model_and_state(
    server: Any, bundle_path: Path, click: Fixture, new_user: Fixture
) -> None:
    manifest, user = load_bundle(bundle_path).manifest, new_user()
    for has_event in (False, True):
        version = write(server, click(user, "item-9")).state_version if has_event else 0
        listed = server.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(user_id=user))
        ranked = server.recommendation.RankItems(rec_pb.RankItemsRequest(user_id=user, item_ids=["item-1"]))
        assert read_token(listed.attribution_token) == (manifest.name, manifest.version, version)
        assert ranked.attribution_token == listed.attribution_token


def test_an_event_is_in_the_next_answer(server: Any, click: Fixture, new_user: Fixture) -> None:
    user = new_user()
    receipt = write(server, click(user, "item-9"))
    response = server.recommendation.RecommendItems(
        rec_pb.RecommendItemsRequest(user_id=user, page_size=1000, min_state_version=receipt.state_version)
    )
    assert response.state_version == receipt.state_version
    assert response.fallback == types.FALLBACK_NONE
    assert "item-9" not in ids(response)
    assert len(ids(response)) == 199


def test_seen_items_come_back_when_asked_for(server: Any, click: Fixture, new_user: Fixture) -> None:
    user = new_user()
    write(server, click(user, "item-9"))
    request = rec_pb.RecommendItemsRequest(user_id=user, page_size=1000, seen_policy=types.SEEN_POLICY_INCLUDE_SEEN)
    assert len(ids(server.recommendation.RecommendItems(request))) == 200


def test_a_session_stands_in_for_an_unknown_user(server: Any, click: Fixture, new_user: Fixture) -> None:
    session = new_user()
    receipt = write(server, click("", "item-9", session_id=session))
    response = server.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(session_id=session))
    assert response.fallback == types.FALLBACK_SESSION
    assert response.state_version == receipt.state_version


def test_recent_events_are_used_and_not_stored(server: Any, click: Fixture, new_user: Fixture) -> None:
    user = new_user()
    stored = new_user()
    write(server, click(stored, "item-9"))
    asked = rec_pb.RecommendItemsRequest(user_id=user, recent_events=[click("ignored", "item-9")])
    recent = server.recommendation.RecommendItems(asked)
    assert recent.fallback == types.FALLBACK_SESSION
    assert ids(recent) == ids(server.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(user_id=stored)))
    later = server.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(user_id=user))
    assert later.fallback == types.FALLBACK_POPULAR


def test_candidates_and_exclusions(server: Any) -> None:
    request = rec_pb.RecommendItemsRequest(
        user_id="user-1",
        candidate_item_ids=["item-3", "no such item", "item-4", "item-5", "item-3"],
        exclude_item_ids=["item-4", "nor this"],
        seen_policy=types.SEEN_POLICY_INCLUDE_SEEN,
    )
    response = server.recommendation.RecommendItems(request)
    assert sorted(ids(response)) == ["item-3", "item-5"]
    assert list(response.missing_item_ids) == ["no such item"]


@pytest.mark.parametrize("excluded", [0, 100, 198])
def test_k_eligible_items_are_k_answers(server: Any, excluded: int) -> None:
    request = rec_pb.RecommendItemsRequest(
        user_id="nobody",
        page_size=200 - excluded,
        exclude_item_ids=[f"item-{row}" for row in range(excluded)],
    )
    assert len(ids(server.recommendation.RecommendItems(request))) == 200 - excluded


def test_attributes_come_when_asked_for(server: Any) -> None:
    request = rec_pb.RecommendItemsRequest(user_id="nobody", page_size=2, include_attributes=True)
    for _ in range(2):
        first, second = server.recommendation.RecommendItems(request).recommendations
        assert first.attributes["title"].string_value == "Title 0"
        assert first.attributes["year"].number_value == 1900
        assert first.attributes["in_stock"].bool_value
        assert second.attributes["in_stock"].WhichOneof("kind") == "bool_value"
        assert list(second.attributes["genres"].string_list.values) == ["Drama", "Genre 1"]
    assert (
        not server.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(user_id="nobody"))
        .recommendations[0]
        .attributes
    )


def test_rank_orders_given_items(server: Any, bundle_path: Path) -> None:
    bundle = load_bundle(bundle_path)
    scores = bundle.item_vectors.astype(np.float64) @ bundle.user_vectors[2].astype(np.float64)
    rows = [5, 3, 8, 100, 3]
    request = rec_pb.RankItemsRequest(
        user_id="user-2", item_ids=[*(f"item-{row}" for row in rows), "unknown"], include_attributes=True
    )
    response = server.recommendation.RankItems(request)
    assert ids(response) == [f"item-{row}" for row in sorted(set(rows), key=lambda row: -scores[row])]
    assert list(response.missing_item_ids) == ["unknown"]
    assert response.fallback == types.FALLBACK_NONE
    assert response.recommendations[0].attributes["title"].string_value.startswith("Title ")


def test_similar_items_by_cosine(server: Any, bundle_path: Path) -> None:
    vectors = load_bundle(bundle_path).item_vectors.astype(np.float64)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = unit @ unit[7]
    cosines[7] = -np.inf
    response = server.recommendation.FindSimilarItems(rec_pb.FindSimilarItemsRequest(item_id="item-7", page_size=5))
    assert ids(response) == [f"item-{row}" for row in np.argsort(-cosines)[:5]]


def test_an_unknown_item_has_no_neighbours(server: Any, fault_of: Fixture) -> None:
    request = rec_pb.FindSimilarItemsRequest(item_id="no such item")
    fault = fault_of(lambda: server.recommendation.FindSimilarItems(request))
    assert (fault.code, fault.reason) == (grpc.StatusCode.NOT_FOUND, "ITEM_NOT_FOUND")


def test_a_state_version_that_is_not_reached_is_an_answer_at_once(server: Any, fault_of: Fixture) -> None:
    request = rec_pb.RecommendItemsRequest(user_id="u", min_state_version=2**60)
    fault = fault_of(lambda: server.recommendation.RecommendItems(request))
    assert (fault.code, fault.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "STATE_VERSION_NOT_REACHED")
    ranked = rec_pb.RankItemsRequest(item_ids=["item-1"], min_state_version=2**60)
    assert fault_of(lambda: server.recommendation.RankItems(ranked)).code == grpc.StatusCode.FAILED_PRECONDITION


def test_a_bad_request_names_its_fields(server: Any, fault_of: Fixture) -> None:
    request = rec_pb.RecommendItemsRequest(user_id="x" * 129, page_size=-1, seen_policy=17)  # type: ignore[arg-type]
    fault = fault_of(lambda: server.recommendation.RecommendItems(request))
    assert (fault.code, fault.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert fault.fields == ["user_id", "page_size", "seen_policy"]


def test_very_many_faults_still_fit_into_an_answer(server: Any, fault_of: Fixture) -> None:
    bad = types.UserEvent(event_type="x" * 300, value=float("nan"))
    fault = fault_of(
        lambda: server.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(recent_events=[bad] * 1000))
    )
    assert fault.code == grpc.StatusCode.INVALID_ARGUMENT
    assert fault.fields[0] == "recent_events[0].item_id"
    assert fault.fields[-1] == ""


@pytest.mark.parametrize("method", ["RecommendItems", "RankItems", "FindSimilarItems"])
def test_what_does_not_parse_is_the_callers_fault(server: Any, fault_of: Fixture, method: str) -> None:
    call = server.channel.unary_unary(f"/recstream.v1.RecommendationService/{method}")
    for data in (b"\xff\xff\xff", b"\x0a\x02\xff\xfe"):
        assert fault_of(lambda data=data: call(data)).code == grpc.StatusCode.INVALID_ARGUMENT


def test_a_message_over_the_limit_is_refused(server: Any) -> None:
    call = server.channel.unary_unary("/recstream.v1.RecommendationService/RecommendItems")
    with pytest.raises(grpc.RpcError) as caught:
        call(b"\x0a" + b"\x80\x80\x80\x03" + b"x" * (6 * 2**20))
    assert caught.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
