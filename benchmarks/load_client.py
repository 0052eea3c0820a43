"""Whether `recstream load` sees what h2load sees: closed loops on the same server, in turn.

python -m benchmarks.load_client [--servers delay slow serve] [--rounds 5] [--seconds 5] [--json FILE]

The server has core 0, the clients core 1. h2load repeats one prepared request, so `recstream load` draws from two users
here. `delay` answers each call after 50 ms and `slow` one call after the other, 2 ms each: there the server is the
limit, so that what a client may see is known, and both have to see it. `serve` is the whole server in Python, whose
speed depends on how many requests it finds at a time, and so on the client. Reported are answers a second of both, the
ratio of the medians, the processor time that a call takes each client, and the server under each. h2load is a C program
(Debian: apt-get install nghttp2-client).
"""

import argparse
import asyncio
import json
import os
import platform
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import grpc

from benchmarks.front import Server, write_model
from recstream.v1 import recommendation_service_pb2 as rec_pb

URL = "http://{target}/recstream.v1.RecommendationService/RecommendItems"
CONCURRENCY = (1, 8, 32, 128)
RECSTREAM = Path(sys.executable).with_name("recstream")
DELAY_S, TURN_S = 0.05, 0.002
SERVERS = ("delay", "slow", "serve")
ANSWER = rec_pb.RecommendItemsResponse(recommendations=[{"item_id": f"item-{n}", "score": 1.0} for n in range(10)])


def run(command: list[str]) -> tuple[str, float]:
    """What a client prints, and its processor time in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(["taskset", "-c", "1", *command], capture_output=True, text=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return out, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def run_h2load(target: str, body: Path, concurrency: int, seconds: int) -> tuple[float, float]:
    """Answers a second, and processor time in microseconds a call."""
    headers = ["-H", "content-type: application/grpc", "-H", "te: trailers"]
    load = ["-D", str(seconds), "--warm-up-time", "1", "-c", "1", "-m", str(concurrency), "-d", str(body)]
    out, cpu_s = run(["h2load", *load, *headers, URL.format(target=target)])
    rate = re.search(r"finished in .*?, ([\d.]+) req/s", out)
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", out)
    assert rate, out
    assert counts, out
    assert (counts[2], counts[3]) == ("0", "0"), out
    return float(rate[1]), 1e6 * cpu_s / (float(rate[1]) * (seconds + 1))


def run_ours(target: str, users: Path, concurrency: int, seconds: int, figures: Path) -> tuple[float, float]:
    """Answers a second, and processor time of the worker in microseconds a call."""
    load = ["--concurrency", str(concurrency), "--duration", str(seconds), "--warmup", "1", "--json", str(figures)]
    run([str(RECSTREAM), "load", "--target", target, "--user-file", str(users), *load])
    (stage,) = json.loads(figures.read_text())["stages"]
    return stage["answered_per_s"], 1e6 * stage["busiest_worker_cpu"] * seconds / stage["answered_in_time"]


async def run_limited(kind: str) -> None:
    """Serve answers to nothing in particular at a pace that is known."""
    answer, turn = ANSWER.SerializeToString(), asyncio.Lock()

    async def call(request: bytes, context: Any) -> bytes:
        if kind == "delay":
            await asyncio.sleep(DELAY_S)
        else:
            async with turn:
                await asyncio.sleep(TURN_S)
        return answer

    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    method = {"RecommendItems": grpc.unary_unary_rpc_method_handler(call)}
    service = "recstream.v1.RecommendationService"
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler(service, method)])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"ready 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


class LimitedServer(Server):
    """One of those in a process of its own, on core 0."""

    def __init__(self, kind: str) -> None:
        self._start([sys.executable, "-m", "benchmarks.load_client", "--serve", kind])


def compare(kind: str, rounds: int, seconds: int, folder: Path) -> list[dict[str, Any]]:
    bundle, body, users = folder / "bundle", folder / "body", folder / "users"
    users.write_text("0\n1\n")
    run([str(RECSTREAM), "load", "--user-file", str(users), "--dump-body", str(body)])
    if kind == "serve":
        write_model(bundle)
    server = Server("serve", bundle, folder / "state", 0) if kind == "serve" else LimitedServer(kind)
    rows = []
    try:
        for concurrency in CONCURRENCY:
            theirs, ours, server_s = [], [], []
            for _ in range(rounds):
                begun_s = server.cpu_s()
                theirs.append(run_h2load(server.target, body, concurrency, seconds))
                between_s = server.cpu_s()
                ours.append(run_ours(server.target, users, concurrency, seconds, folder / "figures.json"))
                server_s.append((between_s - begun_s, server.cpu_s() - between_s))
            rows.append({"server": kind} | row(concurrency, theirs, ours, server_s, seconds + 1))
            print(json.dumps(rows[-1]), flush=True)
    finally:
        server.stop()
    return rows


def row(
    concurrency: int,
    theirs: list[tuple[float, float]],
    ours: list[tuple[float, float]],
    server_s: list[tuple[float, float]],
    busy_s: int,
) -> dict[str, Any]:
    h2load_rate, our_rate = (statistics.median(rate for rate, _ in runs) for runs in (theirs, ours))
    server_us = [
        statistics.median(1e6 * pair[client] / (run[0] * busy_s) for run, pair in zip(runs, server_s, strict=True))
        for client, runs in enumerate((theirs, ours))
    ]
    return {
        "concurrency": concurrency,
        "h2load_per_s": [round(rate, 1) for rate, _ in theirs],
        "recstream_load_per_s": [round(rate, 1) for rate, _ in ours],
        "ratio_of_medians": round(our_rate / h2load_rate, 4),
        "h2load_cpu_us": round(statistics.median(cpu for _, cpu in theirs), 1),
        "recstream_load_cpu_us": round(statistics.median(cpu for _, cpu in ours), 1),
        "server_cpu_us_under_h2load": round(server_us[0], 1),
        "server_cpu_us_under_recstream_load": round(server_us[1], 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=SERVERS)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--serve", choices=("delay", "slow"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        asyncio.run(run_limited(arguments.serve))
    if shutil.which("h2load") is None:
        parser.error("h2load is not installed; on Debian: apt-get install nghttp2-client")
    load_before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        rows = [
            row
            for kind in arguments.servers
            for row in compare(kind, arguments.rounds, arguments.seconds, Path(folder))
        ]
    if arguments.json:
        machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
        content = {
            "machine": f"{machine}, grpcio {grpc.__version__}",
            "load_average_before": load_before,
            "command": " ".join(sys.argv),
            "closed_loops": rows,
        }
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(content, indent=2) + "\n")


if __name__ == "__main__":
    main()
