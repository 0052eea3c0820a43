"""The requests of UserEventService, and user events in others."""

import math
import time
from collections.abc import Callable

from google.protobuf.timestamp_pb2 import Timestamp

from recstream.attribution import MAX_TOKEN_BYTES
from recstream.event_ids import new_event_id
from recstream.event_types import EventTypes
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb
from recstream_server.event_attributes import attributes_text
from recstream_server.event_log.protocol import NewEvent
from recstream_server.queries import ListEventsQuery
from recstream_server.settings import LimitSettings
from recstream_server.validation import page_token
from recstream_server.validation.violations import Violations

DEFAULT_PAGE_SIZE = 100

# 0001-01-01 and the end of 9999, which bound google.protobuf.Timestamp.
_FIRST_SECOND, _LAST_SECOND = -62_135_596_800, 253_402_300_799


class UserEventChecks:
    """Turns requests into events and queries.

    Every method raises an `InvalidArgumentError` that names every field at fault.

    Parameters
    ----------
    limits : LimitSettings
    event_types : EventTypes
    now_ns : callable
        Nanoseconds since 1970, for events that come without a time.
    """

    def __init__(
        self, limits: LimitSettings, event_types: EventTypes, now_ns: Callable[[], int] = time.time_ns
    ) -> None:
        self._limits = limits
        self._event_types = event_types
        self._now_ns = now_ns

    def write(
        self, request: event_pb.WriteUserEventRequest | event_pb.StreamingWriteUserEventsRequest, prefix: str = ""
    ) -> NewEvent:
        """Check a request to store an event; `prefix` is its path in a larger one, with a dot at the end."""
        if not request.HasField("event"):
            found = Violations(self._limits.id_bytes, prefix)
            found.add("event", "is missing; give the event to store")
            found.raise_if_any()
        return self.event(request.event, prefix)

    def batch(self, request: event_pb.BatchWriteUserEventsRequest) -> None:
        """Check how many events a batch has."""
        found = Violations(self._limits.id_bytes)
        found.batch("requests", len(request.requests), self._limits.batch_requests)
        found.raise_if_any()

    def event(self, event: types.UserEvent, prefix: str = "") -> NewEvent:
        """Check the event in the field `event` of a request, as `write` does; one without an id gets one."""
        found = Violations(self._limits.id_bytes, prefix + "event.")
        found.text_id("event_id", event.event_id)
        found.text_id("user_id", event.user_id)
        found.text_id("session_id", event.session_id)
        if not event.user_id and not event.session_id:
            found.add("user_id", "is empty, and so is session_id; give one of them or both")
        found.text_id("item_id", event.item_id, required=True)
        check_event_type(found, "", event, self._event_types)
        value = check_value(found, "", event)
        event_time_us = check_event_time(found, "", event, self._now_ns)
        _check_token(found, event.attribution_token)
        attributes = _check_attributes(found, event, self._limits.event_attribute_bytes)
        found.raise_if_any()
        return NewEvent(
            event_id=event.event_id or new_event_id(),
            user_id=event.user_id,
            session_id=event.session_id,
            item_id=event.item_id,
            event_type=event.event_type,
            value=value,
            event_time_us=event_time_us,
            attribution_token=event.attribution_token,
            attributes=attributes,
        )

    def list_events(self, request: event_pb.ListUserEventsRequest) -> ListEventsQuery:
        """Check a query for a page of events."""
        found = Violations(self._limits.id_bytes)
        found.text_id("user_id", request.user_id, required=True)
        page_size = found.page_size(request.page_size, default=DEFAULT_PAGE_SIZE, limit=self._limits.page_size)
        before_version = page_token.check(found, _token_scope(request.user_id), request.page_token)
        found.raise_if_any()
        return ListEventsQuery(request.user_id, page_size, before_version)


def events_page_token(user_id: str, last_version: int) -> str:
    """Token of the page after the event with `last_version`."""
    return page_token.encode(_token_scope(user_id), last_version)


def check_event_type(found: Violations, path: str, event: types.UserEvent, event_types: EventTypes) -> bool:
    """Check `event_type`; whether it is known."""
    known = event.event_type in event_types
    if not known:
        given = f"is {event.event_type[:64]!r}, which this server does not know" if event.event_type else "is empty"
        found.add(path + "event_type", f"{given}; give one of {', '.join(event_types.names)}")
    return known


def check_value(found: Violations, path: str, event: types.UserEvent) -> float | None:
    """Check `value`; None when it is absent."""
    if not event.HasField("value"):
        return None
    if not math.isfinite(event.value):
        found.add(path + "value", f"is {event.value}; give a finite number, or leave it out")
    return event.value


def check_event_time(found: Violations, path: str, event: types.UserEvent, now_ns: Callable[[], int]) -> int:
    """Check `event_time`; microseconds since 1970, now when it is absent."""
    if not event.HasField("event_time"):
        return now_ns() // 1000
    time_of_event: Timestamp = event.event_time
    if not (_FIRST_SECOND <= time_of_event.seconds <= _LAST_SECOND and 0 <= time_of_event.nanos < 10**9):
        found.add(path + "event_time", "is no time from 0001-01-01 to 9999-12-31 with 0 to 999,999,999 nanoseconds")
    return time_of_event.seconds * 10**6 + time_of_event.nanos // 1000


def _check_token(found: Violations, token: str) -> None:
    """What it says is not looked at: one that no server made counts for no model."""
    if len(token) * 4 > MAX_TOKEN_BYTES and (size := len(token.encode())) > MAX_TOKEN_BYTES:
        found.add(
            "attribution_token",
            f"has {size} bytes of UTF-8; at most {MAX_TOKEN_BYTES} are allowed, and an answer's is shorter",
        )


def _check_attributes(found: Violations, event: types.UserEvent, limit_bytes: int) -> str:
    if not event.attributes:
        return ""
    unusable = False
    for name, value in event.attributes.items():
        if value.WhichOneof("kind") is None or not math.isfinite(value.number_value):
            unusable = True
            given = f"is {value.number_value}" if value.WhichOneof("kind") else "has no value"
            found.add(f"attributes[{name[:64]!r}]", f"{given}; give text, a finite number, a flag or a list of texts")
    if unusable:
        return ""
    text = attributes_text(event.attributes)
    if (size := len(text.encode())) > limit_bytes:
        found.add("attributes", f"have {size:,} bytes as JSON; at most {limit_bytes:,} are allowed for one event")
    return text


def _token_scope(user_id: str) -> str:
    return f"events\0{user_id}"
