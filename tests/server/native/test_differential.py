"""The same requests to a server on the native front and to one on the Python front, from the same empty state."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.message_factory import GetMessageClass
from seeded_requests import Call, Requests

from recstream.v1 import model_service_pb2 as model_pb
from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb

Fixture = Callable[..., Any]
CLASSES = {
    f"{service.name}/{method.name}": GetMessageClass(method.output_type)
    for module in (rec_pb, event_pb, model_pb)
    for service in module.DESCRIPTOR.services_by_name.values()
    for method in service.methods
}
Outcome = tuple[list[bytes], str, str, bytes]
"""Answers, code, message, details."""


@pytest.fixture
def pair(bundle_path: Path, tmp_path: Path, server_process: Fixture) -> list[Any]:
    """A native server and a Python one, with nothing stored."""
    same = ("--bundle", str(bundle_path), "--metrics", "127.0.0.1:0")
    return [
        server_process(*same, "--state", str(tmp_path / transport), "--transport", transport)
        for transport in ("native", "python")
    ]


def outcome(channel: grpc.Channel, path: str, messages: list[bytes]) -> Outcome:
    full = f"/recstream.v1.{path}"
    answers: list[bytes] = []
    if "/Watch" in path:
        # The first list; what comes later depends on the moment.
        watch = channel.unary_stream(full)(messages[0], timeout=60)
        try:
            answers.append(next(watch))
        except grpc.RpcError as error:
            assert error is watch  # noqa: PT017 - the call is the error
            call = watch
        else:
            watch.cancel()
            return [CLASSES[path].FromString(answers[0]).SerializeToString(deterministic=True)], "OK", "", b""
    elif "/Streaming" in path:
        call = channel.stream_stream(full)(iter(messages), timeout=60)
        try:
            answers.extend(call)
        except grpc.RpcError as error:
            assert error is call  # noqa: PT017 - the call is the error
    else:
        call = channel.unary_unary(full).future(messages[0], timeout=60)
        if call.code() == grpc.StatusCode.OK:
            answers.append(call.result())
    # Attributes are a map, which protobuf writes in another order in each process.
    answers = [CLASSES[path].FromString(answer).SerializeToString(deterministic=True) for answer in answers]
    details = dict(call.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
    return answers, call.code().name, call.details(), details


Codes = Counter[tuple[str, str]]
"""Messages by path and code."""


def differences(servers: list[Any], calls: Iterator[Call]) -> tuple[list[tuple[Call, list[Outcome]]], Codes]:
    """Calls that were not answered alike, and how many messages were answered with which code."""
    different: list[tuple[Call, list[Outcome]]] = []
    codes: Codes = Counter()
    for path, messages in calls:
        outcomes: list[Any] = [None, None]

        def ask(place: int, path: str = path, messages: list[bytes] = messages, outcomes: list[Any] = outcomes) -> None:
            outcomes[place] = outcome(servers[place].channel, path, messages)

        # Side by side, because each call is waited for.
        threads = [threading.Thread(target=ask, args=(place,)) for place in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        codes[path, outcomes[0][1]] += len(messages)
        if outcomes[0] != outcomes[1]:
            different.append(((path, messages), outcomes))
    return different, codes


def check(servers: list[Any], seed: int, count: int) -> Codes:
    different, codes = differences(servers, Requests(seed).calls(count))
    assert not different, f"{len(different)} of {codes.total()} differ, the first: {str(different[0])[:5000]}"
    metrics = servers[0].metrics()
    for rpc in ("RecommendItems", "RankItems", "FindSimilarItems"):
        path = f"RecommendationService/{rpc}"
        passed_on = metrics[f'recstream_forwarded_total{{reason="irregular",rpc="recstream.v1.{path}"}}']
        at_fault = sum(number for (called, code), number in codes.items() if called == path and code != "OK")
        # All that is at fault, and of the rest only what was damaged or is written as no serializer would.
        assert at_fault <= passed_on <= at_fault + 0.1 * codes[path, "OK"]
    return codes


def test_two_thousand_requests_are_answered_alike(pair: list[Any]) -> None:
    codes = check(pair, 5, 2000)
    assert {code for _, code in codes} >= {
        "OK",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "ALREADY_EXISTS",
        "FAILED_PRECONDITION",
    }


@pytest.mark.full
def test_a_hundred_thousand_requests_are_answered_alike(pair: list[Any]) -> None:
    check(pair, 6, 100_000)


def test_the_comparison_finds_one_event_more(pair: list[Any]) -> None:
    event = types.UserEvent(user_id="user-3", item_id="item-7", event_type="click")
    pair[0].user_event.WriteUserEvent(event_pb.WriteUserEventRequest(event=event))
    assert differences(pair, Requests(5).calls(200))[0]


def test_ids_that_the_servers_make_look_alike(pair: list[Any]) -> None:
    events = [types.UserEvent(user_id="user-3", item_id=f"item-{number}", event_type="click") for number in range(50)]
    for server in pair:
        batch = event_pb.BatchWriteUserEventsRequest(requests=[{"event": event} for event in events])
        made = [result.event_ack.event_id for result in server.user_event.BatchWriteUserEvents(batch).results]
        assert len(set(made)) == 50
        assert {len(event_id) for event_id in made} == {32}
        assert all(int(event_id, 16) >= 0 for event_id in made)
        times = [int(event_id[:16], 16) for event_id in made]
        assert abs(times[0] - times[-1]) < 60 * 10**9
