"""An acknowledged event is in every later answer, on real people and films, through a real channel."""

import queue
import random
import threading
from collections.abc import Iterator
from pathlib import Path

import grpc

import recstream
from recstream.v1 import recommendation_service_pb2 as rec
from recstream.v1 import recommendation_service_pb2_grpc as rec_grpc
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb
from recstream.v1 import user_event_service_pb2_grpc as event_grpc

PAIRS = 1000
LIKING, AVERSE = ("view", "click", "like", "add_to_cart", "purchase"), ("dislike", "hide")
K = 10


def probe(channel: grpc.Channel, user_id: str, items: list[str]) -> dict[str, float]:
    """The user's scores of given items: they change when, and only when, the vector does."""
    answer = rec_grpc.RecommendationServiceStub(channel).RankItems(
        rec.RankItemsRequest(user_id=user_id, item_ids=items), timeout=10
    )
    return {one.item_id: one.score for one in answer.recommendations}


def pairs(bundle: recstream.Bundle, seed: int) -> Iterator[tuple[str, str, str]]:
    """Random (user, item, event type): people of the training data, and one in eight of whom nothing is known.

    Strangers like what they see: a vector needs something to be made of.
    """
    chance = random.Random(seed)
    users, items = bundle.user_ids.to_list(), bundle.item_ids.to_list()
    for _ in range(PAIRS):
        if chance.random() < 1 / 8:
            yield f"new-{chance.randrange(20)}", chance.choice(items), chance.choice(LIKING)
        else:
            yield chance.choice(users), chance.choice(items), chance.choice(LIKING + AVERSE)


def check(answer: rec.RecommendItemsResponse, version: int, item: str) -> None:
    assert answer.state_version >= version
    listed = [one.item_id for one in answer.recommendations]
    assert len(listed) == K
    assert item not in listed


def test_every_unary_answer_reflects_the_event_before_it(start_server, ml1m: Path, tmp_path: Path) -> None:
    bundle = recstream.load_bundle(ml1m)
    server = start_server(ml1m, tmp_path / "state")
    sample = bundle.item_ids.to_list()[:50]
    with server.channel() as channel:
        events = event_grpc.UserEventServiceStub(channel)
        recommendations = rec_grpc.RecommendationServiceStub(channel)
        for user, item, event_type in pairs(bundle, seed=1):
            before = probe(channel, user, sample)
            event = types.UserEvent(user_id=user, item_id=item, event_type=event_type)
            ack = events.WriteUserEvent(event_pb.WriteUserEventRequest(event=event), timeout=10)
            request = rec.RecommendItemsRequest(user_id=user, page_size=K, min_state_version=ack.state_version)
            check(recommendations.RecommendItems(request, timeout=10), ack.state_version, item)
            assert probe(channel, user, sample) != before, (user, item, event_type)


class Conversation:
    """StreamingRecommend as a person would use it: send, and read what comes back."""

    def __init__(self, channel: grpc.Channel) -> None:
        self.outgoing: queue.SimpleQueue[rec.StreamingRecommendRequest | None] = queue.SimpleQueue()
        self.sequence = 0
        self.answers = rec_grpc.RecommendationServiceStub(channel).StreamingRecommend(iter(self.outgoing.get, None))

    def send(self, **message: object) -> int:
        self.sequence += 1
        self.outgoing.put(rec.StreamingRecommendRequest(sequence=self.sequence, **message))
        return self.sequence

    def receive(self, sequence: int) -> rec.StreamingRecommendResponse:
        answer = next(self.answers)
        assert answer.sequence == sequence
        return answer


def test_every_answer_on_a_stream_reflects_the_event_before_it(start_server, ml1m: Path, tmp_path: Path) -> None:
    bundle = recstream.load_bundle(ml1m)
    server = start_server(ml1m, tmp_path / "state")
    sample = bundle.item_ids.to_list()[:50]
    watchdog = threading.Timer(300, server.kill)
    watchdog.start()
    with server.channel() as channel:
        stream = Conversation(channel)
        for user, item, event_type in pairs(bundle, seed=2):
            fixed = rec.RecommendItemsRequest(
                user_id=user, candidate_item_ids=sample, page_size=50, seen_policy=types.SEEN_POLICY_INCLUDE_SEEN
            )
            # All four go out before anything is read: the answers must still be those of their places.
            before = stream.send(recommend=fixed)
            event = stream.send(event=types.UserEvent(user_id=user, item_id=item, event_type=event_type))
            list_ = stream.send(recommend=rec.RecommendItemsRequest(user_id=user, page_size=K))
            after = stream.send(recommend=fixed)
            old = stream.receive(before).recommendation
            version = stream.receive(event).event_ack.state_version
            assert version > old.state_version
            check(stream.receive(list_).recommendation, version, item)
            new = stream.receive(after).recommendation
            scores = [{one.item_id: one.score for one in answer.recommendations} for answer in (old, new)]
            assert scores[0] != scores[1], (user, item, event_type)
        stream.outgoing.put(None)
        assert list(stream.answers) == []
    watchdog.cancel()
