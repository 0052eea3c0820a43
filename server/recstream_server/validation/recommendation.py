"""The requests of RecommendationService."""

import time
from collections.abc import Callable, Sequence

from google.protobuf.duration_pb2 import Duration

from recstream.event_types import EventTypes
from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream_server.event_log.protocol import unix_seconds
from recstream_server.queries import RecommendQuery, SimilarQuery, WatchQuery
from recstream_server.settings import LimitSettings
from recstream_server.validation.item_filter import check_filter
from recstream_server.validation.user_event import check_event_time, check_event_type, check_value
from recstream_server.validation.violations import Violations

DEFAULT_PAGE_SIZE = 10
DEFAULT_MIN_INTERVAL_S = 0.1
MAX_MIN_INTERVAL_S = 3600

_SEEN_POLICIES = frozenset(types.SeenPolicy.values())


class RecommendationChecks:
    """Turns requests into queries.

    Every method raises an `InvalidArgumentError` that names every field at fault.

    Parameters
    ----------
    limits : LimitSettings
    event_types : EventTypes
        For `recent_events`.
    now_ns : callable
        Nanoseconds since 1970, for recent events that come without a time.
    """

    def __init__(
        self, limits: LimitSettings, event_types: EventTypes, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._limits = limits
        self._event_types = event_types
        self._now_ns = now_ns

    def recommend(self, request: rec_pb.RecommendItemsRequest, prefix: str = "") -> RecommendQuery:
        """Check a query; `prefix` is its path in the request, with a dot at the end."""
        found = Violations(self._limits.id_bytes, prefix)
        query = self._recommend(found, request)
        found.raise_if_any()
        return query

    def batch(self, request: rec_pb.BatchRecommendItemsRequest) -> None:
        """Check how many queries a batch has."""
        found = Violations(self._limits.id_bytes)
        found.batch("requests", len(request.requests), self._limits.batch_requests)
        found.raise_if_any()

    def rank(self, request: rec_pb.RankItemsRequest) -> RecommendQuery:
        """Check a query that orders given items."""
        found = Violations(self._limits.id_bytes)
        item_ids = list(request.item_ids)
        found.text_id("user_id", request.user_id)
        found.text_id("session_id", request.session_id)
        if not item_ids:
            found.add("item_ids", f"is empty; give 1 to {self._limits.candidate_item_ids:,} ids")
        found.text_ids("item_ids", item_ids, self._limits.candidate_item_ids)
        _check_seen_policy(found, request.seen_policy)
        recent_events = self._recent_events(found, request.recent_events)
        found.state_version(request.min_state_version)
        item_filter = check_filter(found, request.filter, self._limits)
        found.raise_if_any()
        return RecommendQuery(
            user_id=request.user_id,
            session_id=request.session_id,
            k=len(item_ids),
            candidates=item_ids,
            exclude=(),
            exclude_seen=request.seen_policy == types.SEEN_POLICY_EXCLUDE_SEEN,
            recent_events=recent_events,
            include_attributes=request.include_attributes,
            min_state_version=request.min_state_version,
            item_filter=item_filter,
        )

    def similar(self, request: rec_pb.FindSimilarItemsRequest) -> SimilarQuery:
        """Check a query for the neighbours of an item."""
        found = Violations(self._limits.id_bytes)
        found.text_id("item_id", request.item_id, required=True)
        k = found.page_size(request.page_size, default=DEFAULT_PAGE_SIZE, limit=self._limits.page_size)
        item_filter = check_filter(found, request.filter, self._limits)
        found.raise_if_any()
        return SimilarQuery(request.item_id, k, request.include_attributes, item_filter)

    def watch(self, request: rec_pb.WatchRecommendationsRequest) -> WatchQuery:
        """Check a standing query."""
        found = Violations(self._limits.id_bytes)
        interval_s = DEFAULT_MIN_INTERVAL_S
        if request.HasField("min_interval"):
            interval_s = _check_interval(found, request.min_interval)
        query = self._recommend(found.below("recommend"), request.recommend)
        found.raise_if_any()
        return WatchQuery(query, interval_s)

    def _recommend(self, found: Violations, request: rec_pb.RecommendItemsRequest) -> RecommendQuery:
        limits = self._limits
        candidates = list(request.candidate_item_ids)
        exclude = list(request.exclude_item_ids)
        found.text_id("user_id", request.user_id)
        found.text_id("session_id", request.session_id)
        k = found.page_size(request.page_size, default=DEFAULT_PAGE_SIZE, limit=limits.page_size)
        found.text_ids("candidate_item_ids", candidates, limits.candidate_item_ids)
        found.text_ids("exclude_item_ids", exclude, limits.exclude_item_ids)
        _check_seen_policy(found, request.seen_policy)
        recent_events = self._recent_events(found, request.recent_events)
        found.state_version(request.min_state_version)
        item_filter = check_filter(found, request.filter, limits)
        return RecommendQuery(
            user_id=request.user_id,
            session_id=request.session_id,
            k=k,
            candidates=candidates or None,
            exclude=exclude,
            exclude_seen=request.seen_policy != types.SEEN_POLICY_INCLUDE_SEEN,
            recent_events=recent_events,
            include_attributes=request.include_attributes,
            min_state_version=request.min_state_version,
            item_filter=item_filter,
        )

    def _recent_events(
        self, found: Violations, events: Sequence[types.UserEvent]
    ) -> list[tuple[str, float, bool, int]]:
        if not events:
            return []
        if len(events) > self._limits.recent_events:
            found.add(
                "recent_events", f"has {len(events):,} events; at most {self._limits.recent_events:,} are allowed"
            )
            return []
        return [self._recent_event(found, f"recent_events[{i}].", event) for i, event in enumerate(events)]

    def _recent_event(self, found: Violations, path: str, event: types.UserEvent) -> tuple[str, float, bool, int]:
        found.text_id(path + "item_id", event.item_id, required=True)
        value = check_value(found, path, event)
        if not check_event_type(found, path, event, self._event_types):
            return event.item_id, 0.0, False, 0
        event_time_us = check_event_time(found, path, event, self._now_ns)
        return (event.item_id, *self._event_types.resolve(event.event_type, value), unix_seconds(event_time_us))


def _check_seen_policy(found: Violations, value: int) -> None:
    if value not in _SEEN_POLICIES:
        found.add("seen_policy", f"is {value}; give one of {', '.join(types.SeenPolicy.keys())}")


def _check_interval(found: Violations, interval: Duration) -> float:
    seconds = interval.seconds + interval.nanos / 1e9
    if not (0 <= seconds <= MAX_MIN_INTERVAL_S and 0 <= interval.nanos < 10**9):
        found.add("min_interval", f"is {seconds:g} s; give 0 to {MAX_MIN_INTERVAL_S} s, or nothing for 0.1 s")
    return seconds
