"""WatchRecommendations pushes what events change."""

from pathlib import Path

import recstream
from recstream.v1 import recommendation_service_pb2 as rec
from recstream.v1 import recommendation_service_pb2_grpc as rec_grpc
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb
from recstream.v1 import user_event_service_pb2_grpc as event_grpc

CAUSE = rec.WatchRecommendationsResponse


def watch(channel, user_id: str, min_interval_ms: int):
    request = rec.WatchRecommendationsRequest(recommend=rec.RecommendItemsRequest(user_id=user_id))
    request.min_interval.FromMilliseconds(min_interval_ms)
    return rec_grpc.RecommendationServiceStub(channel).WatchRecommendations(request, timeout=60)


def write(channel, user_id: str, item_id: str) -> int:
    event = types.UserEvent(user_id=user_id, item_id=item_id, event_type="like")
    request = event_pb.WriteUserEventRequest(event=event)
    return event_grpc.UserEventServiceStub(channel).WriteUserEvent(request, timeout=10).state_version


def test_each_event_pushes_a_list_that_reflects_it(start_server, ml1m: Path, tmp_path: Path) -> None:
    user = recstream.load_bundle(ml1m).user_ids[0]
    server = start_server(ml1m, tmp_path / "state")
    with server.channel() as channel:
        lists = watch(channel, user, 0)
        first = next(lists)
        assert first.cause == CAUSE.CAUSE_INITIAL
        best = first.recommendation.recommendations[0].item_id
        for _ in range(20):
            version = write(channel, user, best)
            pushed = next(lists)
            assert pushed.cause == CAUSE.CAUSE_EVENT
            assert pushed.recommendation.state_version == version
            listed = [one.item_id for one in pushed.recommendation.recommendations]
            assert best not in listed
            best = listed[0]
        lists.cancel()


def test_a_burst_within_the_interval_shares_a_list_that_reflects_all_of_it(start_server, ml1m, tmp_path) -> None:
    bundle = recstream.load_bundle(ml1m)
    user, burst = bundle.user_ids[1], bundle.item_ids.to_list()[:200]
    server = start_server(ml1m, tmp_path / "state")
    with server.channel() as channel:
        lists = watch(channel, user, 500)
        assert next(lists).cause == CAUSE.CAUSE_INITIAL
        last = [write(channel, user, item) for item in burst][-1]
        pushed = [next(lists).recommendation.state_version]
        while pushed[-1] < last:
            pushed.append(next(lists).recommendation.state_version)
        assert pushed == sorted(set(pushed))
        assert len(pushed) < len(burst) / 4
        lists.cancel()


def test_another_users_events_push_nothing(start_server, ml1m: Path, tmp_path: Path) -> None:
    bundle = recstream.load_bundle(ml1m)
    watched, other = bundle.user_ids.to_list()[:2]
    server = start_server(ml1m, tmp_path / "state")
    with server.channel() as channel:
        lists = watch(channel, watched, 0)
        next(lists)
        for item in bundle.item_ids.to_list()[:10]:
            write(channel, other, item)
        version = write(channel, watched, bundle.item_ids[0])
        assert next(lists).recommendation.state_version == version
        lists.cancel()
