"""No acknowledged event is lost or doubled by kill -9, and the answers come back as they were."""

import random
import threading
from collections import Counter
from pathlib import Path

import grpc
import pytest

import recstream
from recstream.v1 import recommendation_service_pb2 as rec
from recstream.v1 import recommendation_service_pb2_grpc as rec_grpc
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb
from recstream.v1 import user_event_service_pb2_grpc as event_grpc

WRITERS = 8


class Writer(threading.Thread):
    """One user's client: writes until the server dies, and keeps a journal of what was acknowledged."""

    def __init__(self, channel: grpc.Channel, user_id: str, items: list[str], label: str, journal: list) -> None:
        super().__init__()
        self.channel, self.user_id, self.items, self.label, self.journal = channel, user_id, items, label, journal

    def run(self) -> None:
        stub = event_grpc.UserEventServiceStub(self.channel)
        for number, item in enumerate(self.items):
            event_id = f"{self.user_id}/{self.label}/{number}"
            event = types.UserEvent(event_id=event_id, user_id=self.user_id, item_id=item, event_type="click")
            try:
                ack = stub.WriteUserEvent(event_pb.WriteUserEventRequest(event=event), timeout=10)
            except grpc.RpcError:
                return
            self.journal.append((event_id, ack.state_version))


def stored(channel: grpc.Channel, user_id: str) -> list[tuple[str, int]]:
    """All of a user's stored events, oldest first."""
    stub = event_grpc.UserEventServiceStub(channel)
    found: list[tuple[str, int]] = []
    token = ""
    while True:
        page = stub.ListUserEvents(event_pb.ListUserEventsRequest(user_id=user_id, page_size=1000, page_token=token))
        found += [(one.event.event_id, one.state_version) for one in page.events]
        token = page.next_page_token
        if not token:
            return found[::-1]


def answer(channel: grpc.Channel, user_id: str) -> rec.RecommendItemsResponse:
    request = rec.RecommendItemsRequest(user_id=user_id, page_size=100)
    return rec_grpc.RecommendationServiceStub(channel).RecommendItems(request, timeout=10)


def kill_under_writers(start_server, bundle_path: Path, state: Path, transport: str, *, rounds: int, seed: int) -> int:
    """Run the campaign; the number of events acknowledged."""
    if transport == "native":
        pytest.importorskip("recstream._transport")
    bundle = recstream.load_bundle(bundle_path)
    chance = random.Random(seed)
    users = bundle.user_ids.to_list()[:WRITERS]
    journals: dict[str, list[tuple[str, int]]] = {user: [] for user in users}
    server = start_server(bundle_path, state, "--transport", transport)
    for number in range(rounds):
        with server.channel() as channel:
            writers = [
                Writer(channel, user, chance.choices(bundle.item_ids.to_list(), k=100_000), str(number), journals[user])
                for user in users
            ]
            for writer in writers:
                writer.start()
            threading.Event().wait(chance.uniform(0.02, 0.4))
            server.kill()
            for writer in writers:
                writer.join(30)
        server = start_server(bundle_path, state, "--transport", transport)
        with server.channel() as channel:
            check_journals(channel, journals, kills=number + 1)
            before = {user: answer(channel, user) for user in users}
        server.kill()
        server = start_server(bundle_path, state, "--transport", transport)
        with server.channel() as channel:
            assert {user: answer(channel, user) for user in users} == before
    return sum(map(len, journals.values()))


def check_journals(channel: grpc.Channel, journals: dict[str, list[tuple[str, int]]], kills: int) -> None:
    for user, journal in journals.items():
        kept = stored(channel, user)
        assert [version for _, version in kept] == sorted({version for _, version in kept})
        assert max(Counter(event_id for event_id, _ in kept).values(), default=1) == 1
        versions = dict(kept)
        assert [(event_id, versions.get(event_id)) for event_id, _ in journal] == journal
        # Each kill may leave a writer the one event under way, stored without its acknowledgement.
        assert len(kept) <= len(journal) + kills
        assert answer(channel, user).state_version == (kept[-1][1] if kept else 0)


@pytest.mark.parametrize("transport", ["python", "native"])
def test_ten_rounds_of_kill_lose_and_double_nothing(start_server, ml100k: Path, tmp_path: Path, transport: str) -> None:
    acknowledged = kill_under_writers(start_server, ml100k, tmp_path / "state", transport, rounds=10, seed=7)
    assert acknowledged > 10 * WRITERS


@pytest.mark.full
@pytest.mark.parametrize("transport", ["python", "native"])
def test_a_long_campaign_of_kills(start_server, ml100k: Path, tmp_path: Path, transport: str) -> None:
    kill_under_writers(start_server, ml100k, tmp_path / "state", transport, rounds=250, seed=8)
