"""Every field of the requests of UserEventService."""

import math
from collections.abc import Callable

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from recstream_server.validation import UserEventChecks
from recstream_server.validation.user_event import events_page_token

from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb

Faults = Callable[..., dict[str, str]]
LONG = "x" * 129
EVENT = {"event_id": "e", "user_id": "u", "item_id": "i", "event_type": "click"}


def write(**fields: object) -> event_pb.WriteUserEventRequest:
    return event_pb.WriteUserEventRequest(event=types.UserEvent(**(EVENT | fields)))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"event_id": LONG}, "event.event_id"),
        ({"user_id": LONG}, "event.user_id"),
        ({"session_id": LONG}, "event.session_id"),
        ({"user_id": ""}, "event.user_id"),
        ({"item_id": ""}, "event.item_id"),
        ({"item_id": LONG}, "event.item_id"),
        ({"event_type": ""}, "event.event_type"),
        ({"event_type": "Click"}, "event.event_type"),
        ({"value": math.nan}, "event.value"),
        ({"value": math.inf}, "event.value"),
        ({"event_time": Timestamp(seconds=2**60)}, "event.event_time"),
        ({"event_time": Timestamp(seconds=-(2**60))}, "event.event_time"),
        ({"event_time": Timestamp(nanos=-1)}, "event.event_time"),
        ({"event_time": Timestamp(nanos=10**9)}, "event.event_time"),
        ({"attribution_token": "x" * 257}, "event.attribution_token"),
        ({"attribution_token": "\u00e9" * 129}, "event.attribution_token"),
        ({"attributes": {"place": types.AttributeValue()}}, "event.attributes['place']"),
        ({"attributes": {"place": types.AttributeValue(number_value=math.nan)}}, "event.attributes['place']"),
        ({"attributes": {"\n" * 999: types.AttributeValue()}}, f"event.attributes[{chr(10) * 64!r}]"),
        ({"attributes": {"place": types.AttributeValue(string_value="x" * 4085)}}, "event.attributes"),
        ({"attributes": {"x" * 4095: types.AttributeValue(bool_value=True)}}, "event.attributes"),
    ],
)
def test_names_the_field_at_fault(event_checks: UserEventChecks, faults: Faults, fields: dict, path: str) -> None:
    assert list(faults(event_checks.write, write(**fields))) == [path]
    stream = event_pb.StreamingWriteUserEventsRequest(sequence=1, event=write(**fields).event)
    assert list(faults(event_checks.write, stream)) == [path]


def test_a_request_without_an_event_is_refused(event_checks: UserEventChecks, faults: Faults) -> None:
    assert list(faults(event_checks.write, event_pb.WriteUserEventRequest())) == ["event"]
    assert list(faults(event_checks.write, event_pb.StreamingWriteUserEventsRequest(sequence=3))) == ["event"]


def test_an_event_carries_everything_over(event_checks: UserEventChecks) -> None:
    time = Timestamp(seconds=12, nanos=345_678_999)
    event = event_checks.write(write(session_id="s", value=4.5, event_type="rating", event_time=time))
    assert event == ("e", "u", "s", "i", "rating", 4.5, 12_345_678, "", "")


@pytest.mark.parametrize("token", ["bWwtMTAway1hbHNAM2Y5YTBjNTFkMmU0.17", "made up", "\0", "x" * 256])
def test_a_token_is_kept_as_it_is(event_checks: UserEventChecks, token: str) -> None:
    assert event_checks.write(write(attribution_token=token)).attribution_token == token


def test_attributes_become_the_same_text_in_any_order(event_checks: UserEventChecks) -> None:
    attributes = {
        "place": types.AttributeValue(number_value=3),
        "page": types.AttributeValue(string_value="d\u00e9part"),
        "ad": types.AttributeValue(bool_value=False),
        "shelves": types.AttributeValue(string_list=types.StringList(values=["a", "b"])),
        "none": types.AttributeValue(string_list=types.StringList()),
    }
    expected = '{"ad":false,"none":[],"page":"d\u00e9part","place":3.0,"shelves":["a","b"]}'
    for order in (list(attributes), list(reversed(attributes))):
        event = event_checks.write(write(attributes={name: attributes[name] for name in order}))
        assert event.attributes == expected


def test_attributes_up_to_the_limit_are_kept(event_checks: UserEventChecks) -> None:
    text = types.AttributeValue(string_value="x" * 4084)
    assert len(event_checks.write(write(attributes={"place": text})).attributes) == 4096


def test_an_event_before_1970_keeps_its_time(event_checks: UserEventChecks) -> None:
    assert event_checks.write(write(event_time=Timestamp(seconds=-1, nanos=500_000_000))).event_time_us == -500_000


def test_the_server_fills_in_id_and_time(event_checks: UserEventChecks) -> None:
    first, second = event_checks.write(write(event_id="")), event_checks.write(write(event_id=""))
    assert first.event_id != second.event_id
    assert 0 < len(first.event_id) <= 128
    assert first.event_time_us == 1_700_000_000_123_456


def test_no_value_is_not_zero(event_checks: UserEventChecks) -> None:
    assert event_checks.write(write()).value is None
    assert event_checks.write(write(value=0.0)).value == 0.0


def test_a_session_will_do_for_a_user(event_checks: UserEventChecks) -> None:
    assert event_checks.write(write(user_id="", session_id="s"))[1:3] == ("", "s")


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"user_id": ""}, "user_id"),
        ({"user_id": LONG}, "user_id"),
        ({"page_size": -1}, "page_size"),
        ({"page_token": "nonsense"}, "page_token"),
        ({"page_token": "é"}, "page_token"),
        ({"page_token": events_page_token("someone else", 5)}, "page_token"),
    ],
)
def test_list_names_the_field_at_fault(event_checks: UserEventChecks, faults: Faults, fields: dict, path: str) -> None:
    request = event_pb.ListUserEventsRequest(**({"user_id": "u"} | fields))
    assert list(faults(event_checks.list_events, request)) == [path]


@pytest.mark.parametrize(("asked", "used"), [(0, 100), (1, 1), (1000, 1000), (5000, 1000)])
def test_list_page_size_is_defaulted_and_cut(event_checks: UserEventChecks, asked: int, used: int) -> None:
    request = event_pb.ListUserEventsRequest(user_id="u", page_size=asked)
    assert event_checks.list_events(request).page_size == used


def test_list_goes_on_where_the_token_says(event_checks: UserEventChecks) -> None:
    request = event_pb.ListUserEventsRequest(user_id="u", page_token=events_page_token("u", 77))
    assert event_checks.list_events(request).before_version == 77


def test_every_request_field_is_checked_or_known_to_need_no_check() -> None:
    """Fails when a message gets a field that the tests above do not know."""
    fields = [field.name for field in types.UserEvent.DESCRIPTOR.fields]
    known = ["event_id", "user_id", "session_id", "item_id", "event_type", "value", "event_time"]
    assert fields == [*known, "attribution_token", "attributes"]
    fields = [field.name for field in event_pb.ListUserEventsRequest.DESCRIPTOR.fields]
    assert fields == ["user_id", "page_size", "page_token"]
