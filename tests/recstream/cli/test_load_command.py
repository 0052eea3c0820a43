"""`recstream load` as a process, against a real server whose answers are scripted."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from driven_load import answer_of
from hdrh.histogram import HdrHistogram

from recstream.v1.recommendation_service_pb2 import RecommendItemsRequest

RECSTREAM = Path(sys.executable).with_name("recstream")
Serve = Callable[..., str]


@pytest.fixture
def users(tmp_path: Path) -> Path:
    path = tmp_path / "users.txt"
    path.write_text("".join(f"u{number}\n" for number in range(50)))
    return path


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [str(argument) for argument in (RECSTREAM, "load", *arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def recommend(request: Any, context: Any) -> Any:
    return answer_of(request.page_size)


def test_a_ramp_is_reported_written_and_drawn(serve: Serve, users: Path, tmp_path: Path) -> None:
    figures, pictures = tmp_path / "figures.json", tmp_path / "pictures"
    load = ("--ramp", "20:40:20", "--duration", "1", "--warmup", "0.2", "--users", "zipf:1.1", "-k", "3")
    target = serve(RecommendItems=recommend)
    done = run("--target", target, "--user-file", users, *load, "--json", figures, "--plot", pictures)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].split()[:4] == ["load", "sent", "failed", "answers/s"]
    assert [line.split()[:3] for line in lines[1:3]] == [["20/s", "20", "0"], ["40/s", "40", "0"]]
    for name in ("latency-by-percentile.png", "throughput-latency.png"):
        assert (pictures / name).read_bytes().startswith(b"\x89PNG")
    written = json.loads(figures.read_text())
    assert [stage["rate_per_s"] for stage in written["stages"]] == [20, 40]
    assert written["users"] == {"number": 50, "zipf": 1.1}
    latency = written["stages"][1]["latency"]["all"]
    assert HdrHistogram.decode(latency["hdr_us"]).get_total_count() == latency["count"] == 40
    assert 0 < latency["p50_ms"] <= latency["p99_ms"] <= latency["max_ms"]


def test_failures_end_it_with_an_error_unless_they_are_allowed(serve: Serve, users: Path) -> None:
    def sometimes(request: Any, context: Any) -> Any:
        if request.user_id.endswith("3"):
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return answer_of(request.page_size)

    load = ("--target", serve(RecommendItems=sometimes), "--user-file", users, "--rate", "200", "--duration", "0.5")
    done = run(*load, "--warmup", "0")
    assert done.returncode == 1
    assert "failed: recommend: UNAVAILABLE: not now" in done.stderr
    assert "of 100 calls failed; --max-errors allows a share of 0" in done.stderr
    assert run(*load, "--warmup", "0", "--max-errors", "0.5").returncode == 0


def test_a_capacity_is_found(serve: Serve, users: Path) -> None:
    search = ("--find-capacity", "--p99-ms", "5000", "--rate", "5", "--duration", "0.2", "--warmup", "0")
    # No rate is too high for five seconds, but the call that this server refuses from 100 on is.
    calls: list[float] = []

    def few(request: Any, context: Any) -> Any:
        calls.append(1)
        if len(calls) > 100:
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough")
        return answer_of(request.page_size)

    done = run("--target", serve(RecommendItems=few), "--user-file", users, *search)
    assert done.returncode == 0, done.stderr
    assert "capacity: " in done.stdout
    assert "with p99 <= 5000 ms" in done.stdout


def test_a_dumped_body_is_a_framed_request(users: Path, tmp_path: Path) -> None:
    body = tmp_path / "body"
    done = run("--user-file", users, "-k", "20", "--dump-body", body)
    assert done.returncode == 0, done.stderr
    data = body.read_bytes()
    assert (data[0], int.from_bytes(data[1:5], "big")) == (0, len(data) - 5)
    assert RecommendItemsRequest.FromString(data[5:]) == RecommendItemsRequest(user_id="u0", page_size=20)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--rate", "5", "--concurrency", "2"), "give one of --rate, --ramp and --concurrency"),
        ((), "give one of --rate, --ramp and --concurrency"),
        (("--rate", "5", "--mix", "event"), "--bundle or --item-file"),
        (("--rate", "5", "--mix", "nothing"), "'nothing' is no kind of call"),
    ],
)
def test_what_cannot_be_done_is_said(users: Path, arguments: tuple[str, ...], says: str) -> None:
    done = run("--user-file", users, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert says in done.stderr
