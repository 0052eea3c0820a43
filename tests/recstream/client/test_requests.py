"""Python values become requests."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from recstream.client import exists, item_filter, user_event
from recstream.client.requests import rank_request, recommend_request, watch_request
from recstream.v1.types_pb2 import SEEN_POLICY_EXCLUDE_SEEN, SEEN_POLICY_INCLUDE_SEEN, SEEN_POLICY_UNSPECIFIED


def test_an_event_gets_an_id_of_its_own() -> None:
    ids = {user_event(item_id="i", event_type="click", user_id="u").event_id for _ in range(100)}
    assert len(ids) == 100
    assert "" not in ids
    assert user_event(item_id="i", event_type="click", event_id="mine").event_id == "mine"


def test_a_value_of_zero_is_not_an_absent_one() -> None:
    assert user_event(item_id="i", event_type="rating", value=0.0).HasField("value")
    assert not user_event(item_id="i", event_type="rating").HasField("value")


def test_time_is_kept_to_the_microsecond() -> None:
    moment = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=timezone(timedelta(hours=5)))
    event = user_event(item_id="i", event_type="click", event_time=moment)
    assert event.event_time.ToDatetime(tzinfo=UTC) == moment
    assert not user_event(item_id="i", event_type="click").HasField("event_time")


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone; add one"):
        user_event(item_id="i", event_type="click", event_time=datetime(2026, 1, 1))


@pytest.mark.parametrize(
    ("include_seen", "policy"),
    [(None, SEEN_POLICY_UNSPECIFIED), (True, SEEN_POLICY_INCLUDE_SEEN), (False, SEEN_POLICY_EXCLUDE_SEEN)],
)
def test_seen_policy(include_seen: bool | None, policy: int) -> None:
    assert recommend_request("u", include_seen=include_seen).seen_policy == policy
    assert rank_request("u", ["i"], include_seen=include_seen).seen_policy == policy


def test_every_field_arrives() -> None:
    event = user_event(item_id="i", event_type="click")
    having_a_year = item_filter(exists("year"))
    request = recommend_request(
        "u",
        session_id="s",
        page_size=3,
        candidate_item_ids=["a", "b"],
        exclude_item_ids=("c",),
        filter=having_a_year,
        include_attributes=True,
        recent_events=[event],
        min_state_version=9,
    )
    fields = {field.name for field, _ in request.ListFields()}
    assert fields == {field.name for field in request.DESCRIPTOR.fields} - {"seen_policy"}
    ranked = rank_request(
        "u",
        ["i"],
        session_id="s",
        filter=having_a_year,
        include_attributes=True,
        recent_events=[event],
        min_state_version=9,
    )
    fields = {field.name for field, _ in ranked.ListFields()}
    assert fields == {field.name for field in ranked.DESCRIPTOR.fields} - {"seen_policy"}


def test_a_watch_may_leave_the_interval_to_the_server() -> None:
    assert not watch_request("u", None).HasField("min_interval")
    assert watch_request("u", 0.0).HasField("min_interval")
    assert watch_request("u", 0.25, page_size=4).min_interval.ToTimedelta() == timedelta(seconds=0.25)


def test_an_unknown_field_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="page_sizes"):
        recommend_request("u", page_sizes=3)
