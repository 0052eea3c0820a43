"""K items come back whenever K are eligible, however much of the catalogue is excluded, exact and approximate."""

from pathlib import Path

import pytest

import recstream
from recstream.v1 import recommendation_service_pb2 as rec
from recstream.v1 import recommendation_service_pb2_grpc as rec_grpc
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb
from recstream.v1 import user_event_service_pb2_grpc as event_grpc

EXACT = '[retrieval]\nkind = "exact"\n'
FAISS = '[retrieval]\nkind = "faiss"\nfaiss_factory = "IVF16,Flat"\n'


def hide(channel, user_id: str, items: list[str]) -> None:
    """Have a user see items, through the event stream."""
    requests = (
        event_pb.StreamingWriteUserEventsRequest(
            sequence=number, event=types.UserEvent(user_id=user_id, item_id=item, event_type="view")
        )
        for number, item in enumerate(items)
    )
    answers = list(event_grpc.UserEventServiceStub(channel).StreamingWriteUserEvents(requests, timeout=60))
    assert [one.sequence for one in answers] == list(range(len(items)))
    assert all(one.WhichOneof("message") == "event_ack" for one in answers)


@pytest.mark.parametrize("config", [EXACT, FAISS], ids=["exact", "faiss"])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
def test_k_eligible_items_give_k_answers(start_server, ml1m: Path, tmp_path: Path, config: str, share: float) -> None:
    bundle = recstream.load_bundle(ml1m)
    items = bundle.item_ids.to_list()
    user = bundle.user_ids[0]
    seen = {items[row] for row in bundle.history_rows[: bundle.history_indptr[1]]}
    server = start_server(ml1m, tmp_path / "state", config=config)
    with server.channel() as channel:
        stub = rec_grpc.RecommendationServiceStub(channel)
        everything = rec.RecommendItemsRequest(
            user_id=user, candidate_item_ids=items, page_size=1000, seen_policy=types.SEEN_POLICY_INCLUDE_SEEN
        )
        best_first = [one.item_id for one in stub.RecommendItems(everything, timeout=30).recommendations]
        # The best items go first: the hardest case for a search that proposes only a few candidates.
        rest = [item for item in items if item not in set(best_first)]
        gone = [*best_first, *rest][: int(share * len(items))]
        hide(channel, user, gone[::2])
        eligible = set(items) - set(gone) - seen
        for k in (1, 10, 100, 1000):
            request = rec.RecommendItemsRequest(user_id=user, exclude_item_ids=gone[1::2], page_size=k)
            answer = stub.RecommendItems(request, timeout=30)
            listed = [one.item_id for one in answer.recommendations]
            assert len(set(listed)) == len(listed) == min(k, len(eligible))
            assert set(listed) <= eligible
            scores = [one.score for one in answer.recommendations]
            assert scores == sorted(scores, reverse=True)
            assert not (config == EXACT and answer.approximate)
