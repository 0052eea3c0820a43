"""What fails is counted, by its reason, and is not in the latencies."""

import itertools
import threading
import time
from collections.abc import Iterator
from typing import Any

import grpc
import pytest
from driven_load import POPULATION, answer_of, drive
from google.rpc.status_pb2 import Status

from recstream.errors import UnavailableError
from recstream.load.fleet import Fleet
from recstream.load.schedule import Stage
from recstream.load.settings import Kind, LoadSettings
from recstream.v1 import recommendation_service_pb2 as pb
from recstream.v1.user_event_service_pb2 import WriteUserEventResponse

STAGE = Stage(1.0, rate=40)


def test_statuses_and_short_answers_are_failures(serve_slowly) -> None:
    calls = itertools.count()

    def recommend(request: Any, context: Any) -> Any:
        number = next(calls)
        if number % 4 == 0:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too much: 100%, später")
        return answer_of(9 if number % 4 == 1 else 10)

    result = drive(serve_slowly(RecommendItems=recommend), STAGE)
    assert result.sent == 40
    assert result.failures == {
        "recommend: RESOURCE_EXHAUSTED: too much: 100%, später": 10,
        "recommend: an answer has 9 items, not 10": 10,
    }
    assert (result.failed_share, len(result.histogram())) == (0.5, 20)


def test_every_kind_is_asked_and_checked(serve_slowly) -> None:
    seen: set[str] = set()
    lock = threading.Lock()

    def note(kind: str, user: str) -> None:
        with lock:
            seen.add(f"{kind} {user}")

    def recommend(request: Any, context: Any) -> Any:
        note("recommend", request.user_id)
        return answer_of(request.page_size)

    def write(request: Any, context: Any) -> Any:
        note("event", request.event.user_id)
        assert (request.event.item_id[0], request.event.event_type) == ("i", "like")
        return WriteUserEventResponse(event_id=request.event.event_id, state_version=1)

    def stream(requests: Any, context: Any) -> Iterator[Any]:
        for request in requests:
            answer = pb.StreamingRecommendResponse(sequence=request.sequence)
            if request.WhichOneof("message") == "event":
                note("stream-event", request.event.user_id)
                answer.event_ack.state_version = 1
            else:
                note("stream", request.recommend.user_id)
                answer.recommendation.CopyFrom(answer_of(request.recommend.page_size))
            yield answer

    def watch(request: Any, context: Any) -> Iterator[Any]:
        note("watch", request.recommend.user_id)
        yield pb.WatchRecommendationsResponse(recommendation=answer_of(request.recommend.page_size))
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait(30)

    target = serve_slowly(
        RecommendItems=recommend, WriteUserEvent=write, StreamingRecommend=stream, WatchRecommendations=watch
    )
    mix = dict.fromkeys(Kind, 1 / len(Kind))
    result = drive(target, Stage(2.0, rate=100), mix, count=7, event_type="like", processes=2, watchers=5)
    assert (result.sent, result.failures) == (200, {})
    assert sum(map(len, result.latencies.values())) == 200
    for kind in Kind:
        users = {entry.split()[1] for entry in seen if entry.split()[0] == kind}
        assert len(result.latencies[kind]) >= len(users) > 15, kind


def test_an_error_on_a_stream_fails_its_message_and_the_end_of_a_stream_what_is_under_way(serve_slowly) -> None:
    def stream(requests: Any, context: Any) -> Iterator[Any]:
        for request in requests:
            answer = pb.StreamingRecommendResponse(sequence=request.sequence)
            if request.sequence == 10:
                context.abort(grpc.StatusCode.UNAVAILABLE, "draining")
            if request.sequence == 5:
                answer.error.CopyFrom(Status(code=9, message="not yet"))
            else:
                answer.recommendation.CopyFrom(answer_of(10))
            yield answer

    result = drive(serve_slowly(StreamingRecommend=stream), STAGE, {Kind.STREAM: 1.0}, streams=1)
    assert result.sent == 40
    assert result.failures["stream: FAILED_PRECONDITION: not yet"] == 4
    assert result.failures["stream: UNAVAILABLE: draining"] >= 3
    assert len(result.histogram()) + result.failed == 40


def test_calls_that_are_not_answered_in_time_fail(serve_slowly) -> None:
    def recommend(request: Any, context: Any) -> Any:
        time.sleep(3 if request.user_id.endswith("7") else 0)
        return answer_of(10)

    result = drive(serve_slowly(RecommendItems=recommend), STAGE, timeout_s=1.0)
    (why,) = result.failures
    assert why.startswith(("recommend: DEADLINE_EXCEEDED", "recommend: no answer within 1 s"))
    assert 0 < result.failed < 20
    assert result.failed + len(result.histogram()) == 40


def test_a_server_that_is_not_there_is_an_error() -> None:
    settings = LoadSettings(target="127.0.0.1:1", mix={Kind.RECOMMEND: 1.0}, processes=2)
    with (
        pytest.raises(UnavailableError, match=r"cannot connect to '127.0.0.1:1': .*check that"),
        Fleet(settings, POPULATION),
    ):
        pass
