"""`recstream load` on a real server."""

import json
import subprocess
import sys
from pathlib import Path

import recstream
from recstream.v1.user_event_service_pb2 import ListUserEventsRequest
from recstream.v1.user_event_service_pb2_grpc import UserEventServiceStub

RECSTREAM = Path(sys.executable).with_name("recstream")
MIX = "recommend=4,stream=2,event=2,stream-event=1,watch=1"


def test_every_kind_of_call_succeeds_in_an_open_loop(start_server, ml100k: Path, tmp_path: Path) -> None:
    server = start_server(ml100k, tmp_path / "state")
    figures = tmp_path / "figures.json"
    load = ("--rate", "60", "--duration", "3", "--mix", MIX, "--users", "zipf:1.1", "--watchers", "80")
    command = [RECSTREAM, "load", "--target", server.target, "--bundle", ml100k, *load, "--processes", "2"]
    done = subprocess.run([*command, "--json", figures], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    written = json.loads(figures.read_text())
    (stage,) = written["stages"]
    assert (stage["sent"], stage["failed"], stage["failures"]) == (180, 0, {})
    counts = {kind: latency["count"] for kind, latency in stage["latency"].items()}
    assert counts.pop("all") == sum(counts.values()) == 180
    assert counts.keys() == {"recommend", "stream", "event", "stream-event", "watch"}
    # Events reached the log, each of its own, those of the warm-up too, and moved some watchers' lists.
    with server.channel() as channel:
        stored = _state_versions(channel, recstream.load_bundle(ml100k).user_ids.to_list())
    assert len(stored) >= counts["event"] + counts["stream-event"]
    assert stored == set(range(1, len(stored) + 1))


def _state_versions(channel, users: list[str]) -> set[int]:
    stub = UserEventServiceStub(channel)
    return {
        stored.state_version
        for user in users
        for stored in stub.ListUserEvents(ListUserEventsRequest(user_id=user, page_size=1000)).events
    }
