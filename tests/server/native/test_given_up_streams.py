"""Streams that end in the middle of everything."""

import contextlib
import itertools
import time
from random import Random
from typing import Any

import grpc
from seeded_requests import ODDITIES, Requests

from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types


def messages(requests: Requests, *, forwarded: bool) -> Any:
    """Without end: events, and queries for long pages."""
    for number in itertools.count():
        user = f"user-{number % 7}"
        if number % 3:
            query = rec_pb.RecommendItemsRequest(user_id=user, page_size=150)
            if forwarded and requests.chance(0.3):
                query.MergeFromString(ODDITIES[0])
            yield rec_pb.StreamingRecommendRequest(sequence=number, recommend=query)
        else:
            event = types.UserEvent(user_id=user, item_id=f"item-{number % 200}", event_type="impression")
            yield rec_pb.StreamingRecommendRequest(sequence=number, event=event)


def test_streams_that_are_given_up_leave_nothing_behind(native: Any) -> None:
    random = Random(4)
    for number in range(40):
        endless = messages(Requests(number), forwarded=number % 2 == 0)
        call = native.recommendation.StreamingRecommend(endless, timeout=random.choice([0.05, 30]))
        if number % 4:
            answered: list[int] = []
            with contextlib.suppress(grpc.RpcError):
                answered.extend(answer.sequence for answer in itertools.islice(call, random.randrange(30)))
            assert answered == list(range(len(answered)))
        else:
            time.sleep(random.random() / 20)
        call.cancel()
    deadline = time.monotonic() + 30
    while native.metrics()["recstream_streams_open"] > 0 and time.monotonic() < deadline:
        time.sleep(0.05)
    counted = native.metrics()
    assert (counted["recstream_streams_open"], counted["recstream_event_queue_length"]) == (0, 0)
    assert len(native.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(page_size=5)).recommendations) == 5
    code, _, log = native.stop()
    assert (code, "Traceback" in log) == (0, False)
