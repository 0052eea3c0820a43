"""The whole server as a process: start, ready line, health, reflection, drain, restart, and starts that are refused."""

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb

Fixture = Callable[..., Any]
SERVICES = [
    "",
    "recstream.v1.ModelService",
    "recstream.v1.RecommendationService",
    "recstream.v1.UserEventService",
]


def health(server: Any, service: str) -> int:
    return HealthStub(server.channel).Check(HealthCheckRequest(service=service), timeout=10).status


def write(server: Any, number: int, **fields: Any) -> int:
    event = types.UserEvent(**({"user_id": "u", "item_id": f"item-{number}", "event_type": "click"} | fields))
    return server.user_event.WriteUserEvent(event_pb.WriteUserEventRequest(event=event)).state_version


def answer(server: Any) -> rec_pb.RecommendItemsResponse:
    return server.recommendation.RecommendItems(rec_pb.RecommendItemsRequest(user_id="u", page_size=50))


def run(*arguments: str) -> tuple[int, str]:
    command = [str(Path(sys.executable).parent / "recstream"), "serve", *arguments]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.stdout == ""
    return result.returncode, result.stderr


def test_one_line_says_what_is_served_and_where(start_server: Fixture) -> None:
    server = start_server()
    words = server.ready_line.split()
    assert words[:3] == ["recstream:", "serving", "synthetic-als"]
    assert len(words[3].strip("()")) == 12
    assert words[4] == "on"
    assert words[5].startswith("127.0.0.1:")
    code, rest, log = server.stop()
    assert (code, rest) == (0, ""), log


def test_health_of_every_service(server: Any) -> None:
    assert {health(server, service) for service in SERVICES} == {HealthCheckResponse.SERVING}
    with pytest.raises(grpc.RpcError) as caught:
        health(server, "another")
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND


def test_health_is_down_before_streams_end_and_calls_finish(start_server: Fixture) -> None:
    """One thread sees health go down; meanwhile a write that is under way still gets its acknowledgement."""
    server = start_server()
    write(server, 0)
    seen: list[tuple[str, float]] = []

    def watch_health() -> None:
        try:
            responses = HealthStub(server.channel).Watch(HealthCheckRequest())
            seen.extend((HealthCheckResponse.ServingStatus.Name(one.status), time.monotonic()) for one in responses)
        except grpc.RpcError as error:
            seen.append((error.code().name, time.monotonic()))

    def watch_list() -> None:
        request = rec_pb.WatchRecommendationsRequest(recommend=rec_pb.RecommendItemsRequest(user_id="u"))
        try:
            lists = server.recommendation.WatchRecommendations(request)
            seen.extend(("LIST", time.monotonic()) for _ in lists)
        except grpc.RpcError as error:
            seen.append((f"LIST {error.code().name}", time.monotonic()))

    threads = [threading.Thread(target=watch_health), threading.Thread(target=watch_list)]
    for thread in threads:
        thread.start()
    while len(seen) < 2:
        time.sleep(0.01)
    pending = [
        server.user_event.WriteUserEvent.future(
            event_pb.WriteUserEventRequest(
                event=types.UserEvent(user_id="u", item_id=f"item-{number}", event_type="click")
            )
        )
        for number in range(50)
    ]
    pending[0].result()
    started = time.monotonic()
    code, _, log = server.stop()
    for thread in threads:
        thread.join()
    assert code == 0, log
    assert time.monotonic() - started < 9  # the grace is 10 s: nobody waited for it
    order = [what for what, _ in sorted(seen[2:], key=lambda entry: entry[1])]
    assert order[0] == "NOT_SERVING"
    assert sorted(order[1:]) == ["LIST UNAVAILABLE", "UNAVAILABLE"]
    assert {call.code() for call in pending} == {grpc.StatusCode.OK}


def test_calls_during_a_drain_are_answered_or_refused_as_unavailable(start_server: Fixture) -> None:
    """Four threads call until the server refuses; nobody may see CANCELLED."""
    server = start_server()
    codes: list[grpc.StatusCode] = []

    def call_until_refused(thread: int) -> None:
        request = rec_pb.RecommendItemsRequest(user_id=f"user-{thread}")
        while (code := server.recommendation.RecommendItems.future(request).code()) == grpc.StatusCode.OK:
            pass
        codes.append(code)

    threads = [threading.Thread(target=call_until_refused, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.1)
    code, _, log = server.stop()
    for thread in threads:
        thread.join()
    assert code == 0, log
    assert set(codes) == {grpc.StatusCode.UNAVAILABLE}


def test_streams_finish_what_they_have_and_end(start_server: Fixture) -> None:
    server = start_server()
    released = threading.Event()

    def requests() -> Any:
        for number in range(100):
            event = types.UserEvent(user_id="u", item_id=f"item-{number}", event_type="click")
            yield event_pb.StreamingWriteUserEventsRequest(sequence=number, event=event)
        released.wait(30)

    answers = server.user_event.StreamingWriteUserEvents(requests())
    for _ in range(100):
        next(answers)
    server.process.send_signal(signal.SIGTERM)
    with pytest.raises(grpc.RpcError) as caught:
        next(answers)
    released.set()
    assert caught.value.code() == grpc.StatusCode.UNAVAILABLE
    code, _, log = server.join()
    assert code == 0, log


def test_a_second_signal_ends_the_process_at_once(start_server: Fixture) -> None:
    """A call whose request never comes keeps the first signal waiting for the whole grace."""
    server = start_server()
    released = threading.Event()
    call = server.channel.stream_unary("/recstream.v1.RecommendationService/RecommendItems")
    pending = call.future(iter(released.wait, True))
    write(server, 0)
    server.process.send_signal(signal.SIGTERM)
    while '"draining"' not in server.log():
        time.sleep(0.01)
    started = time.monotonic()
    code, _, _ = server.stop(signal.SIGTERM)
    assert code == 128 + signal.SIGTERM
    assert time.monotonic() - started < 9
    released.set()
    assert pending.code() == grpc.StatusCode.UNAVAILABLE


def test_state_survives_a_restart(start_server: Fixture) -> None:
    server = start_server()
    versions = [write(server, number) for number in range(20)]
    before = answer(server)
    assert before.state_version == versions[-1]
    assert server.stop()[0] == 0
    again = start_server()
    assert answer(again) == before
    assert write(again, 30) > versions[-1]


def test_a_port_in_use_is_refused(server: Any, bundle_path: Path, tmp_path: Path) -> None:
    code, error = run("--bundle", str(bundle_path), "--state", str(tmp_path), "--listen", server.target)
    assert code == 1
    assert f"listen.address: cannot listen on {server.target}: another process listens there" in error


def test_a_state_folder_in_use_is_refused(start_server: Fixture, bundle_path: Path, tmp_path: Path) -> None:
    start_server()
    code, error = run("--bundle", str(bundle_path), "--state", str(tmp_path / "state"), "--listen", "127.0.0.1:0")
    assert code == 1
    assert "in use by another server" in error


def test_a_reachable_address_is_refused_unless_asked_for(
    start_server: Fixture, bundle_path: Path, tmp_path: Path
) -> None:
    given = ("--bundle", str(bundle_path), "--state", str(tmp_path / "other"), "--listen", "0.0.0.0:0")
    code, error = run(*given)
    assert code == 1
    assert "--insecure-listen" in error
    server = start_server("--listen", "0.0.0.0:0", "--insecure-listen")
    assert server.target.startswith("0.0.0.0:")


def test_a_damaged_bundle_is_refused_by_file(bundle_path: Path, tmp_path: Path) -> None:
    copy = tmp_path / "damaged"
    copy.mkdir()
    for file in bundle_path.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    (copy / "item_vectors.npy").write_bytes((copy / "item_vectors.npy").read_bytes()[:-4])
    code, error = run("--bundle", str(copy), "--state", str(tmp_path / "state"), "--listen", "127.0.0.1:0")
    assert code == 1
    assert "item_vectors.npy" in error


def test_a_wrong_setting_is_refused(bundle_path: Path, tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text("[limits]\npage_sise = 5\n")
    code, error = run("--bundle", str(bundle_path), "--state", str(tmp_path), "--config", str(config))
    assert code == 1
    assert "limits.page_sise: unknown setting; did you mean page_size?" in error
