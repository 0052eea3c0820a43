"""Every field of the requests of RecommendationService: what is refused, by which path, and what comes of the rest."""

import math
from collections.abc import Callable

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp
from recstream_server.validation import RecommendationChecks

from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types

Faults = Callable[..., dict[str, str]]
LONG = "x" * 129
FOREIGN = "é" * 65
EVENT = {"item_id": "i", "event_type": "click"}


def event(**fields: object) -> types.UserEvent:
    return types.UserEvent(**(EVENT | fields))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"user_id": LONG}, "user_id"),
        ({"user_id": FOREIGN}, "user_id"),
        ({"session_id": LONG}, "session_id"),
        ({"page_size": -1}, "page_size"),
        ({"candidate_item_ids": ["a", LONG]}, "candidate_item_ids[1]"),
        ({"candidate_item_ids": [""]}, "candidate_item_ids[0]"),
        ({"candidate_item_ids": ["a"] * 10_001}, "candidate_item_ids"),
        ({"exclude_item_ids": ["a", "b", LONG]}, "exclude_item_ids[2]"),
        ({"exclude_item_ids": ["a"] * 10_001}, "exclude_item_ids"),
        ({"seen_policy": 3}, "seen_policy"),
        ({"seen_policy": -1}, "seen_policy"),
        ({"recent_events": [event()] * 1001}, "recent_events"),
        ({"recent_events": [event(), event(item_id="")]}, "recent_events[1].item_id"),
        ({"recent_events": [event(item_id=LONG)]}, "recent_events[0].item_id"),
        ({"recent_events": [event(event_type="")]}, "recent_events[0].event_type"),
        ({"recent_events": [event(event_type="clik")]}, "recent_events[0].event_type"),
        ({"recent_events": [event(value=math.nan)]}, "recent_events[0].value"),
        ({"min_state_version": -1}, "min_state_version"),
    ],
)
def test_names_the_field_at_fault(checks: RecommendationChecks, faults: Faults, fields: dict, path: str) -> None:
    assert list(faults(checks.recommend, rec_pb.RecommendItemsRequest(**fields))) == [path]


def test_names_all_fields_at_fault_at_once(checks: RecommendationChecks, faults: Faults) -> None:
    request = rec_pb.RecommendItemsRequest(
        user_id=LONG,
        session_id=LONG,
        page_size=-5,
        recent_events=[event(value=math.inf, item_id="", event_type="nothing")],
        min_state_version=-2,
    )
    assert list(faults(checks.recommend, request)) == [
        "user_id",
        "session_id",
        "page_size",
        "recent_events[0].item_id",
        "recent_events[0].value",
        "recent_events[0].event_type",
        "min_state_version",
    ]


def test_an_id_of_128_bytes_is_fine_however_they_are_spent(checks: RecommendationChecks, faults: Faults) -> None:
    for text in ("x" * 128, "é" * 64, "日" * 42, "🎬" * 32, "with\0control\n"):
        assert not faults(checks.recommend, rec_pb.RecommendItemsRequest(user_id=text, candidate_item_ids=[text]))


def test_descriptions_tell_size_limit_and_remedy(checks: RecommendationChecks, faults: Faults) -> None:
    found = faults(
        checks.recommend, rec_pb.RecommendItemsRequest(user_id=FOREIGN, recent_events=[event(event_type="clik")])
    )
    assert found["user_id"] == "has 130 bytes of UTF-8; at most 128 are allowed"
    assert "'clik'" in found["recent_events[0].event_type"]
    assert "click, like, add_to_cart" in found["recent_events[0].event_type"]


@pytest.mark.parametrize(("asked", "used"), [(0, 10), (1, 1), (1000, 1000), (1001, 1000), (2**31 - 1, 1000)])
def test_page_size_is_defaulted_and_cut(checks: RecommendationChecks, asked: int, used: int) -> None:
    assert checks.recommend(rec_pb.RecommendItemsRequest(page_size=asked)).k == used
    assert checks.similar(rec_pb.FindSimilarItemsRequest(item_id="i", page_size=asked)).k == used


def test_a_query_carries_everything_over(checks: RecommendationChecks) -> None:
    query = checks.recommend(
        rec_pb.RecommendItemsRequest(
            user_id="u",
            session_id="s",
            page_size=7,
            candidate_item_ids=["a", "b"],
            exclude_item_ids=["c"],
            seen_policy=types.SEEN_POLICY_INCLUDE_SEEN,
            include_attributes=True,
            recent_events=[event(), event(event_type="rating", value=1.0), event(event_type="impression")],
            min_state_version=9,
        )
    )
    assert query == ("u", "s", 7, ["a", "b"], ["c"], False, query.recent_events, True, 9, None, None)
    now = 1_700_000_000
    assert query.recent_events == [("i", 1.0, True, now), ("i", -1.0, True, now), ("i", 0.0, False, now)]


@pytest.mark.parametrize(("seconds", "told"), [(1_000, 1_000), (0, 0), (-5, 0)])
def test_recent_events_keep_their_time(checks: RecommendationChecks, seconds: int, told: int) -> None:
    at = event(event_time=Timestamp(seconds=seconds, nanos=1))
    query = checks.recommend(rec_pb.RecommendItemsRequest(recent_events=[at]))
    assert query.recent_events == [("i", 1.0, True, told)]


def test_a_recent_event_at_no_time_is_refused(checks: RecommendationChecks, faults: Faults) -> None:
    at = event(event_time=Timestamp(seconds=2**60))
    found = faults(checks.recommend, rec_pb.RecommendItemsRequest(recent_events=[at]))
    assert list(found) == ["recent_events[0].event_time"]


def test_no_candidates_means_the_whole_catalogue(checks: RecommendationChecks) -> None:
    assert checks.recommend(rec_pb.RecommendItemsRequest()).candidates is None


def test_seen_items_are_left_out_by_default_but_not_when_ranking(checks: RecommendationChecks) -> None:
    assert checks.recommend(rec_pb.RecommendItemsRequest()).exclude_seen
    assert not checks.rank(rec_pb.RankItemsRequest(item_ids=["a"])).exclude_seen
    excluding = types.SEEN_POLICY_EXCLUDE_SEEN
    assert checks.rank(rec_pb.RankItemsRequest(item_ids=["a"], seen_policy=excluding)).exclude_seen


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"user_id": LONG}, "user_id"),
        ({"session_id": LONG}, "session_id"),
        ({"item_ids": []}, "item_ids"),
        ({"item_ids": ["a"] * 10_001}, "item_ids"),
        ({"item_ids": ["a", ""]}, "item_ids[1]"),
        ({"seen_policy": 9}, "seen_policy"),
        ({"recent_events": [event(value=-math.inf)]}, "recent_events[0].value"),
        ({"min_state_version": -1}, "min_state_version"),
    ],
)
def test_rank_names_the_field_at_fault(checks: RecommendationChecks, faults: Faults, fields: dict, path: str) -> None:
    assert list(faults(checks.rank, rec_pb.RankItemsRequest(**({"item_ids": ["a"]} | fields)))) == [path]


@pytest.mark.parametrize(
    ("fields", "path"), [({"item_id": ""}, "item_id"), ({"item_id": LONG}, "item_id"), ({"page_size": -1}, "page_size")]
)
def test_similar_names_the_field_at_fault(
    checks: RecommendationChecks, faults: Faults, fields: dict, path: str
) -> None:
    assert list(faults(checks.similar, rec_pb.FindSimilarItemsRequest(**({"item_id": "i"} | fields)))) == [path]


@pytest.mark.parametrize(
    ("interval", "seconds"),
    [(None, 0.1), (Duration(), 0.0), (Duration(nanos=5_000_000), 0.005), (Duration(seconds=3600), 3600.0)],
)
def test_watch_interval(checks: RecommendationChecks, interval: Duration | None, seconds: float) -> None:
    assert checks.watch(rec_pb.WatchRecommendationsRequest(min_interval=interval)).min_interval_s == seconds


@pytest.mark.parametrize(
    "interval",
    [
        Duration(seconds=-1),
        Duration(seconds=3600, nanos=1),
        Duration(nanos=-1),
        Duration(nanos=10**9),
        Duration(seconds=2**62),
    ],
)
def test_watch_refuses_an_interval_out_of_range(
    checks: RecommendationChecks, faults: Faults, interval: Duration
) -> None:
    assert list(faults(checks.watch, rec_pb.WatchRecommendationsRequest(min_interval=interval))) == ["min_interval"]


def test_watch_names_fields_below_recommend(checks: RecommendationChecks, faults: Faults) -> None:
    request = rec_pb.WatchRecommendationsRequest(
        recommend=rec_pb.RecommendItemsRequest(page_size=-1, recent_events=[event(item_id="")]),
        min_interval=Duration(seconds=-1),
    )
    paths = ["min_interval", "recommend.page_size", "recommend.recent_events[0].item_id"]
    assert list(faults(checks.watch, request)) == paths


def test_every_request_field_is_checked_or_known_to_need_no_check() -> None:
    """Fails when a request gets a field that the tests above do not know."""
    known = {
        "RecommendItemsRequest": "user_id session_id page_size candidate_item_ids exclude_item_ids seen_policy filter "
        "include_attributes recent_events min_state_version",
        "RankItemsRequest": "user_id session_id item_ids seen_policy include_attributes recent_events "
        "min_state_version filter",
        "FindSimilarItemsRequest": "item_id page_size include_attributes filter",
        "BatchRecommendItemsRequest": "requests",
        "WatchRecommendationsRequest": "recommend min_interval",
        "StreamingRecommendRequest": "sequence recommend event",
    }
    messages = rec_pb.DESCRIPTOR.message_types_by_name
    for name in (name for name in messages if name.endswith("Request")):
        assert [field.name for field in messages[name].fields] == known[name].split()
