"""Requests made from Python values; what both clients and both streams have in common."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias, TypedDict, Unpack

from google.protobuf.duration_pb2 import Duration
from google.protobuf.timestamp_pb2 import Timestamp

from recstream.event_ids import new_event_id
from recstream.v1.recommendation_service_pb2 import (
    FindSimilarItemsRequest,
    RankItemsRequest,
    RecommendItemsRequest,
    WatchRecommendationsRequest,
)
from recstream.v1.types_pb2 import (
    SEEN_POLICY_EXCLUDE_SEEN,
    SEEN_POLICY_INCLUDE_SEEN,
    SEEN_POLICY_UNSPECIFIED,
    AttributeValue,
    Filter,
    SeenPolicy,
    StringList,
    UserEvent,
)
from recstream.v1.user_event_service_pb2 import BatchWriteUserEventsRequest, WriteUserEventRequest

AttributeScalar: TypeAlias = str | bool | float | Sequence[str]
"""What an attribute of an event can be."""


class EventFields(TypedDict, total=False):
    """What an event may say beside the item and the type.

    Attributes
    ----------
    user_id, session_id : str
        Who acted; one of them is required.
    value : float
        A rating, or seconds of dwell time.
    event_time : datetime
        When it happened; with a time zone. When it arrives at the server by default.
    event_id : str
        Idempotency key; a new one by default, so that sending again after a lost connection counts once.
    attribution_token : str
        Of the answer that showed the item.
    attributes : mapping of str to str, bool, float or list of str
        Anything else worth keeping with the event.
    """

    user_id: str
    session_id: str
    value: float | None
    event_time: datetime | None
    event_id: str
    attribution_token: str
    attributes: Mapping[str, AttributeScalar]


class QueryFields(TypedDict, total=False):
    """What every query for a user takes.

    Attributes
    ----------
    session_id : str
        The visit, which stands in for a user of whom nothing is known.
    include_seen : bool
        Whether seen items may be in the answer; by default not when recommending, but when ranking.
    include_attributes : bool
        Whether to add each item's attributes.
    recent_events : events made by `user_event`
        Reflected in this answer only, not stored.
    min_state_version : int
        The answer must reflect every event acknowledged with a version up to this one.
    filter : Filter made by `item_filter`
        Only items that pass are in the answer.
    """

    session_id: str
    include_seen: bool | None
    include_attributes: bool
    recent_events: Sequence[UserEvent]
    min_state_version: int
    filter: Filter | None


class RecommendFields(QueryFields, total=False):
    """What a query for recommendations takes beside the user.

    Attributes
    ----------
    page_size : int
        How many items; 0 means 10.
    candidate_item_ids : ids
        Recommend from these only; empty means the whole catalogue.
    exclude_item_ids : ids
        Never recommend these.
    """

    page_size: int
    candidate_item_ids: Sequence[str]
    exclude_item_ids: Sequence[str]


class SimilarFields(TypedDict, total=False):
    """What a query for the neighbours of an item takes beside the item.

    Attributes
    ----------
    page_size : int
        How many items; 0 means 10.
    include_attributes : bool
        Whether to add each item's attributes.
    filter : Filter made by `item_filter`
        Only items that pass are found.
    """

    page_size: int
    include_attributes: bool
    filter: Filter | None


def user_event(
    *,
    item_id: str,
    event_type: str,
    user_id: str = "",
    session_id: str = "",
    value: float | None = None,
    event_time: datetime | None = None,
    event_id: str = "",
    attribution_token: str = "",
    attributes: Mapping[str, AttributeScalar] = MappingProxyType({}),
) -> UserEvent:
    """Make an event.

    Parameters
    ----------
    item_id : str
        What was acted upon.
    event_type : str
        One that the server is configured with, for example ``click``, ``like``, ``rating``.
    user_id, session_id, value, event_time, event_id, attribution_token, attributes
        See `EventFields`.

    Raises
    ------
    ValueError
        A time without a time zone.
    """
    event = UserEvent(
        event_id=event_id or new_event_id(),
        user_id=user_id,
        session_id=session_id,
        item_id=item_id,
        event_type=event_type,
        value=value,
        attribution_token=attribution_token,
        attributes={name: _attribute(given) for name, given in attributes.items()},
    )
    if event_time is not None:
        event.event_time.CopyFrom(_timestamp(event_time))
    return event


def recommend_request(
    user_id: str,
    *,
    session_id: str = "",
    page_size: int = 0,
    candidate_item_ids: Sequence[str] = (),
    exclude_item_ids: Sequence[str] = (),
    include_seen: bool | None = None,
    include_attributes: bool = False,
    recent_events: Sequence[UserEvent] = (),
    min_state_version: int = 0,
    filter: Filter | None = None,  # noqa: A002 - the field's name
) -> RecommendItemsRequest:
    """Make the request of RecommendItems; see `RecommendFields`."""
    return RecommendItemsRequest(
        user_id=user_id,
        session_id=session_id,
        page_size=page_size,
        candidate_item_ids=candidate_item_ids,
        exclude_item_ids=exclude_item_ids,
        seen_policy=_seen_policy(include_seen),
        include_attributes=include_attributes,
        recent_events=recent_events,
        min_state_version=min_state_version,
        filter=filter,
    )


def batch_write_request(events: Sequence[UserEvent]) -> BatchWriteUserEventsRequest:
    """Make the request of BatchWriteUserEvents."""
    return BatchWriteUserEventsRequest(requests=[WriteUserEventRequest(event=event) for event in events])


def rank_request(
    user_id: str,
    item_ids: Sequence[str],
    *,
    session_id: str = "",
    include_seen: bool | None = None,
    include_attributes: bool = False,
    recent_events: Sequence[UserEvent] = (),
    min_state_version: int = 0,
    filter: Filter | None = None,  # noqa: A002 - the field's name
) -> RankItemsRequest:
    """Make the request of RankItems; see `QueryFields`."""
    return RankItemsRequest(
        user_id=user_id,
        session_id=session_id,
        item_ids=item_ids,
        seen_policy=_seen_policy(include_seen),
        include_attributes=include_attributes,
        recent_events=recent_events,
        min_state_version=min_state_version,
        filter=filter,
    )


def similar_request(
    item_id: str,
    *,
    page_size: int = 0,
    include_attributes: bool = False,
    filter: Filter | None = None,  # noqa: A002 - the field's name
) -> FindSimilarItemsRequest:
    """Make the request of FindSimilarItems."""
    return FindSimilarItemsRequest(
        item_id=item_id, page_size=page_size, include_attributes=include_attributes, filter=filter
    )


def watch_request(
    user_id: str, min_interval_s: float | None, **fields: Unpack[RecommendFields]
) -> WatchRecommendationsRequest:
    """Make the request of WatchRecommendations."""
    request = WatchRecommendationsRequest(recommend=recommend_request(user_id, **fields))
    if min_interval_s is not None:
        interval = Duration()
        interval.FromNanoseconds(round(min_interval_s * 1e9))
        request.min_interval.CopyFrom(interval)
    return request


def _attribute(value: AttributeScalar) -> AttributeValue:
    match value:
        case bool():
            return AttributeValue(bool_value=value)
        case int() | float():
            return AttributeValue(number_value=value)
        case str():
            return AttributeValue(string_value=value)
        case _:
            return AttributeValue(string_list=StringList(values=value))


def _seen_policy(include_seen: bool | None) -> SeenPolicy.ValueType:
    if include_seen is None:
        return SEEN_POLICY_UNSPECIFIED
    return SEEN_POLICY_INCLUDE_SEEN if include_seen else SEEN_POLICY_EXCLUDE_SEEN


def _timestamp(moment: datetime) -> Timestamp:
    if moment.tzinfo is None:
        raise ValueError(f"event_time {moment.isoformat()} has no time zone; add one, for example datetime.now(UTC)")
    timestamp = Timestamp()
    timestamp.FromDatetime(moment)
    return timestamp
