"""StreamingRecommend over a real channel: order, errors, half-close, reading ahead."""

import queue
from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import grpc
import pytest

from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types

Fixture = Callable[..., Any]
Request = rec_pb.StreamingRecommendRequest


class Requests(Iterator[Request]):
    """The client's side of a stream, message by message."""

    def __init__(self) -> None:
        self._queue: queue.SimpleQueue[Request | None] = queue.SimpleQueue()

    def send(self, **fields: Any) -> None:
        self._queue.put(Request(**fields))

    def close(self) -> None:
        self._queue.put(None)

    def __next__(self) -> Request:
        request = self._queue.get()
        if request is None:
            raise StopIteration
        return request


def ask(user: str, **fields: Any) -> rec_pb.RecommendItemsRequest:
    return rec_pb.RecommendItemsRequest(**({"user_id": user, "page_size": 1000} | fields))


def ids(response: rec_pb.StreamingRecommendResponse) -> set[str]:
    return {recommendation.item_id for recommendation in response.recommendation.recommendations}


def test_every_answer_has_exactly_the_events_before_it(server: Any, click: Fixture, new_user: Fixture) -> None:
    """All is sent at once, so that messages wait for each other in the server; three users share the stream."""
    random = Random(5)
    users = [new_user() for _ in range(3)]
    requests, seen_at = [], {}
    clicked: dict[str, set[str]] = {user: set() for user in users}
    for sequence in range(600):
        user = random.choice(users)
        if random.random() < 0.5:
            item = f"item-{random.randrange(200)}"
            clicked[user].add(item)
            requests.append(Request(sequence=sequence, event=click(user, item)))
        else:
            seen_at[sequence] = (user, set(clicked[user]))
            requests.append(Request(sequence=sequence, recommend=ask(user)))
    last_ack = dict.fromkeys(users, 0)
    answers = list(server.recommendation.StreamingRecommend(iter(requests)))
    assert [answer.sequence for answer in answers] == list(range(600))
    for request, answer in zip(requests, answers, strict=True):
        if answer.HasField("event_ack"):
            last_ack[request.event.user_id] = answer.event_ack.state_version
        else:
            user, seen = seen_at[answer.sequence]
            assert {f"item-{row}" for row in range(200)} - ids(answer) == seen
            assert answer.recommendation.state_version == last_ack[user]


def test_an_answer_comes_without_waiting_for_more(server: Any, click: Fixture, new_user: Fixture) -> None:
    user, requests = new_user(), Requests()
    answers = server.recommendation.StreamingRecommend(requests, timeout=30)
    for number in range(20):
        requests.send(sequence=number, event=click(user, f"item-{number}"))
        version = next(answers).event_ack.state_version
        requests.send(sequence=number, recommend=ask(user))
        assert next(answers).recommendation.state_version == version
    requests.close()
    assert list(answers) == []


def test_an_error_answers_its_message_and_the_stream_lives_on(
    server: Any, click: Fixture, new_user: Fixture, fault_of: Fixture
) -> None:
    user = new_user()
    requests = [
        Request(sequence=1, event=click(user, "")),
        Request(sequence=2, recommend=ask(user, page_size=-1, recent_events=[types.UserEvent()])),
        Request(sequence=3),
        Request(sequence=4, recommend=ask(user, min_state_version=2**60)),
        Request(sequence=5, event=click(user, "item-1", event_id=user)),
        Request(sequence=6, event=click(user, "item-2", event_id=user)),
        Request(sequence=7, recommend=ask(user)),
    ]
    answers = list(server.recommendation.StreamingRecommend(iter(requests)))
    assert [answer.sequence for answer in answers] == [1, 2, 3, 4, 5, 6, 7]
    faults = [fault_of(answer.error) for answer in answers if answer.HasField("error")]
    assert [(fault.code.name, fault.reason) for fault in faults] == [
        ("INVALID_ARGUMENT", "INVALID_FIELD"),
        ("INVALID_ARGUMENT", "INVALID_FIELD"),
        ("INVALID_ARGUMENT", "INVALID_FIELD"),
        ("FAILED_PRECONDITION", "STATE_VERSION_NOT_REACHED"),
        ("ALREADY_EXISTS", "EVENT_ID_REUSED"),
    ]
    assert [fault.fields for fault in faults[:3]] == [
        ["event.item_id"],
        ["recommend.page_size", "recommend.recent_events[0].item_id", "recommend.recent_events[0].event_type"],
        ["message"],
    ]
    assert answers[4].event_ack.state_version == answers[6].recommendation.state_version


def test_a_session_orders_messages_as_a_user_does(server: Any, click: Fixture, new_user: Fixture) -> None:
    session = new_user()
    requests = [
        Request(sequence=0, recommend=rec_pb.RecommendItemsRequest(session_id=session)),
        Request(sequence=1, event=click(new_user(), "item-3", session_id=session)),
        Request(sequence=2, recommend=rec_pb.RecommendItemsRequest(session_id=session)),
    ]
    before, ack, after = server.recommendation.StreamingRecommend(iter(requests))
    assert before.recommendation.fallback == types.FALLBACK_POPULAR
    assert after.recommendation.state_version == ack.event_ack.state_version


def test_half_close_at_once_is_a_stream_without_messages(server: Any) -> None:
    assert list(server.recommendation.StreamingRecommend(iter(()))) == []


def test_what_does_not_parse_ends_the_stream_after_what_came_before(
    server: Any, fault_of: Fixture, new_user: Fixture
) -> None:
    good = Request(sequence=5, recommend=ask(new_user())).SerializeToString()
    call = server.channel.stream_stream("/recstream.v1.RecommendationService/StreamingRecommend")
    answers = call(iter([good, b"\xff\xff"]))
    assert rec_pb.StreamingRecommendResponse.FromString(next(answers)).sequence == 5
    assert fault_of(lambda: next(answers)).code == grpc.StatusCode.INVALID_ARGUMENT


def test_a_client_who_leaves_does_no_harm(server: Any, click: Fixture, new_user: Fixture) -> None:
    for _ in range(10):
        user = new_user()
        answers = server.recommendation.StreamingRecommend(
            Request(sequence=number, event=click(user, f"item-{number}")) for number in range(200)
        )
        next(answers)
        answers.cancel()
        with pytest.raises(grpc.RpcError):
            list(answers)
    assert ids(next(server.recommendation.StreamingRecommend(iter([Request(recommend=ask(new_user()))]))))


def test_a_client_who_does_not_read_is_not_read_from(start_server: Fixture, new_user: Fixture) -> None:
    """Its writes come to a stop, when the windows of the transport and the server's own are full."""
    own = start_server()
    sent = 0

    def requests() -> Iterator[Request]:
        nonlocal sent
        for sent in range(200_000):
            yield Request(sequence=sent, recommend=ask("user-1"))

    answers = own.recommendation.StreamingRecommend(requests(), timeout=60)
    next(answers)
    previous = -1
    while sent != previous:
        previous = sent
        # The server answers others meanwhile.
        for _ in range(200):
            own.recommendation.RecommendItems(ask(new_user(), page_size=1), timeout=10)
    assert sent < 20_000
    answers.cancel()
