"""WriteUserEvent, StreamingWriteUserEvents and ListUserEvents over a real channel."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc

from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb

Fixture = Callable[..., Any]


def write(server: Any, event: types.UserEvent) -> event_pb.WriteUserEventResponse:
    return server.user_event.WriteUserEvent(event_pb.WriteUserEventRequest(event=event))


def stream(server: Any, events: list[types.UserEvent | None]) -> list[event_pb.StreamingWriteUserEventsResponse]:
    requests = (
        event_pb.StreamingWriteUserEventsRequest(sequence=10 * number, event=event)
        for number, event in enumerate(events)
    )
    return list(server.user_event.StreamingWriteUserEvents(requests))


def list_all(server: Any, user_id: str, page_size: int) -> Iterator[event_pb.ListUserEventsResponse]:
    token = ""
    while True:
        page = server.user_event.ListUserEvents(
            event_pb.ListUserEventsRequest(user_id=user_id, page_size=page_size, page_token=token)
        )
        yield page
        token = page.next_page_token
        if not token:
            return


def test_versions_rise_and_ids_are_made(server: Any, click: Fixture, new_user: Fixture) -> None:
    user = new_user()
    first, second = write(server, click(user, "item-1")), write(server, click(user, "item-2"))
    assert first.state_version < second.state_version
    assert first.event_id != second.event_id
    assert not first.duplicate


def test_the_same_event_again_is_a_duplicate(server: Any, click: Fixture, new_user: Fixture) -> None:
    user = new_user()
    event = click(user, "item-1", event_id=f"{user} 1", value=2.5)
    first, again = write(server, event), write(server, event)
    assert (again.event_id, again.state_version, again.duplicate) == (event.event_id, first.state_version, True)
    assert len(next(list_all(server, user, 10)).events) == 1


def test_another_event_under_the_same_id_is_refused(
    server: Any, click: Fixture, new_user: Fixture, fault_of: Fixture
) -> None:
    user = new_user()
    write(server, click(user, "item-1", event_id=user))
    fault = fault_of(lambda: write(server, click(user, "item-2", event_id=user)))
    assert (fault.code, fault.reason) == (grpc.StatusCode.ALREADY_EXISTS, "EVENT_ID_REUSED")


def test_a_bad_event_names_its_fields(server: Any, fault_of: Fixture) -> None:
    fault = fault_of(lambda: write(server, types.UserEvent(event_type="clik")))
    assert fault.code == grpc.StatusCode.INVALID_ARGUMENT
    assert fault.fields == ["event.user_id", "event.item_id", "event.event_type"]


def test_what_an_event_carries_comes_back(server: Any, click: Fixture, new_user: Fixture) -> None:
    user = new_user()
    shown = server.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(user_id=user, page_size=1))
    attributes = {
        "place": types.AttributeValue(number_value=0.5),
        "page": types.AttributeValue(string_value="start"),
        "ad": types.AttributeValue(bool_value=True),
        "shelves": types.AttributeValue(string_list=types.StringList(values=["a", "b"])),
        "none": types.AttributeValue(string_list=types.StringList()),
    }
    event = click(user, "item-1", attribution_token=shown.attribution_token, attributes=attributes)
    write(server, event)
    write(server, click(user, "item-2", attribution_token="made up\n"))
    plain, full = (stored.event for stored in next(list_all(server, user, 10)).events)
    assert full.attribution_token == shown.attribution_token
    assert full.attributes == event.attributes
    assert (plain.attribution_token, dict(plain.attributes)) == ("made up\n", {})


def test_acknowledgements_come_in_the_order_of_the_events(server: Any, click: Fixture, new_user: Fixture) -> None:
    user = new_user()
    answers = stream(server, [click(user, f"item-{number % 200}") for number in range(500)])
    assert [answer.sequence for answer in answers] == list(range(0, 5000, 10))
    versions = [answer.event_ack.state_version for answer in answers]
    assert versions == sorted(set(versions))
    assert all(versions)


def test_an_error_answers_its_event_and_the_stream_lives_on(
    server: Any, click: Fixture, new_user: Fixture, fault_of: Fixture
) -> None:
    user = new_user()
    answers = stream(server, [click(user, "item-1"), click(user, ""), None, click(user, "item-2")])
    assert [answer.WhichOneof("message") for answer in answers] == ["event_ack", "error", "error", "event_ack"]
    assert [fault_of(answer.error).fields for answer in answers[1:3]] == [["event.item_id"], ["event"]]
    assert fault_of(answers[1].error).reason == "INVALID_FIELD"


def test_an_item_nobody_knows_is_stored(server: Any, click: Fixture, new_user: Fixture) -> None:
    user = new_user()
    assert write(server, click(user, "of a later model")).state_version > 0


def test_events_are_listed_newest_first_in_pages(server: Any, click: Fixture, new_user: Fixture) -> None:
    user, other = new_user(), new_user()
    events = []
    for number in range(7):
        events.append(click(user, f"item-{number}", event_id=f"{user} {number}", session_id="s"))
        events[-1].event_time.FromMicroseconds(1_000_000_007 * number)
        write(server, events[-1])
        write(server, click(other, "item-1"))
    pages = list(list_all(server, user, 3))
    assert [len(page.events) for page in pages] == [3, 3, 1]
    listed = [stored for page in pages for stored in page.events]
    assert [stored.event for stored in listed] == events[::-1]
    versions = [stored.state_version for stored in listed]
    assert versions == sorted(versions, reverse=True)


def test_a_page_is_not_shifted_by_new_events(server: Any, click: Fixture, new_user: Fixture) -> None:
    user = new_user()
    for number in range(4):
        write(server, click(user, f"item-{number}"))
    pages = list_all(server, user, 2)
    newest = [stored.event.item_id for stored in next(pages).events]
    write(server, click(user, "item-9"))
    assert [newest, [stored.event.item_id for stored in next(pages).events]] == [
        ["item-3", "item-2"],
        ["item-1", "item-0"],
    ]


def test_the_last_page_may_be_full(server: Any, click: Fixture, new_user: Fixture) -> None:
    user = new_user()
    for number in range(2):
        write(server, click(user, f"item-{number}"))
    assert [len(page.events) for page in list_all(server, user, 2)] == [2]


def test_a_user_without_events_has_an_empty_list(server: Any, new_user: Fixture) -> None:
    assert list(next(list_all(server, new_user(), 5)).events) == []


def test_a_page_token_is_of_no_use_to_others(server: Any, click: Fixture, new_user: Fixture, fault_of: Fixture) -> None:
    user = new_user()
    for number in range(2):
        write(server, click(user, f"item-{number}"))
    token = next(list_all(server, user, 1)).next_page_token
    request = event_pb.ListUserEventsRequest(user_id="somebody else", page_token=token)
    assert fault_of(lambda: server.user_event.ListUserEvents(request)).fields == ["page_token"]
