"""Whether `recstream load` sees what h2load sees: closed loops on the same server, in turn.

python -m benchmarks.load_client [--servers delay slow serve] [--rounds 5] [--seconds 5] [--json FILE]

The server has core 0, the clients core 1, one process each. Like is compared with like: as many connections, as many
streams on each, the same deadline told to the server, a second of warm-up that counts for neither, and turns that begin
with the one and the other. h2load repeats one prepared request, so `recstream load` draws from two users here. `delay`
answers each call after 50 ms and `slow` one call after the other, 2 ms each: there the server is the limit, so that
what a client may see is known, and both have to see it. `serve` is the whole server in Python, whose speed depends on
how many requests it finds at a time, and so on the client. Reported are answers a second of both, the ratio of the
medians, the processor time that a call takes each client and the server under each, and the ratio of the rates by the
server's processor time: what a busy machine changes least. h2load is a C program (Debian: apt-get install
nghttp2-client).
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
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import grpc

from benchmarks.front import Server, write_model
from recstream.v1 import recommendation_service_pb2 as rec_pb

URL = "http://{target}/recstream.v1.RecommendationService/RecommendItems"
CONCURRENCY = (1, 8, 32, 128)
STREAMS_A_CONNECTION = 64
WARMUP_S = 1
TIMEOUT_S = 10
RECSTREAM = Path(sys.executable).with_name("recstream")
DELAY_S, TURN_S = 0.05, 0.002
SERVERS = ("delay", "slow", "serve")
ANSWER = rec_pb.RecommendItemsResponse(recommendations=[{"item_id": f"item-{n}", "score": 1.0} for n in range(10)])


class Run(NamedTuple):
    """Answers a second, and the processor time of a call, in microseconds: the client's and the server's."""

    per_s: float
    client_us: float
    server_us: float


def run(command: list[str]) -> tuple[str, float]:
    """What a client prints, and its processor time in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = subprocess.run(["taskset", "-c", "1", *command], capture_output=True, text=True, check=True).stdout
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return out, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def run_h2load(target: str, body: Path, concurrency: int, seconds: int) -> tuple[float, float]:
    """Answers a second, and processor time in microseconds a call."""
    told = ("content-type: application/grpc", "te: trailers", f"grpc-timeout: {1000 * TIMEOUT_S}m")
    headers = [part for header in told for part in ("-H", header)]
    clients = connections(concurrency)
    load = ["-D", str(seconds), "--warm-up-time", str(WARMUP_S), "-d", str(body)]
    load += ["-c", str(clients), "-m", str(concurrency // clients)]
    out, cpu_s = run(["h2load", *load, *headers, URL.format(target=target)])
    rate = re.search(r"finished in .*?, ([\d.]+) req/s", out)
    counts = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", out)
    assert rate, out
    assert counts, out
    assert (counts[2], counts[3]) == ("0", "0"), out
    return float(rate[1]), 1e6 * cpu_s / (float(rate[1]) * (seconds + WARMUP_S))


def run_ours(target: str, users: Path, concurrency: int, seconds: int, figures: Path) -> tuple[float, float]:
    """Answers a second, and processor time of the worker in microseconds a call."""
    load = ["--concurrency", str(concurrency), "--duration", str(seconds), "--warmup", str(WARMUP_S)]
    load += ["--connections", str(connections(concurrency)), "--timeout", str(TIMEOUT_S), "--json", str(figures)]
    run([str(RECSTREAM), "load", "--target", target, "--user-file", str(users), *load])
    (stage,) = json.loads(figures.read_text())["stages"]
    return stage["answered_per_s"], 1e6 * stage["busiest_worker_cpu"] * seconds / stage["answered_in_time"]


def connections(concurrency: int) -> int:
    return -(-concurrency // STREAMS_A_CONNECTION)


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


def compare(kind: str, concurrencies: Sequence[int], rounds: int, seconds: int, folder: Path) -> list[dict[str, Any]]:
    bundle, body, users = folder / "bundle", folder / "body", folder / "users"
    users.write_text("0\n1\n")
    run([str(RECSTREAM), "load", "--user-file", str(users), "--dump-body", str(body)])
    if kind == "serve":
        write_model(bundle)
    server = Server("serve", bundle, folder / "state", 0) if kind == "serve" else LimitedServer(kind)
    rows = []
    try:
        for concurrency in concurrencies:
            found: dict[str, list[Run]] = {"h2load": [], "recstream_load": []}
            clients: dict[str, Callable[[], tuple[float, float]]] = {
                "h2load": partial(run_h2load, server.target, body, concurrency, seconds),
                "recstream_load": partial(
                    run_ours, server.target, users, concurrency, seconds, folder / "figures.json"
                ),
            }
            for number in range(rounds):
                for name in sorted(clients, reverse=number % 2 == 1):
                    begun_s = server.cpu_s()
                    per_s, client_us = clients[name]()
                    server_us = 1e6 * (server.cpu_s() - begun_s) / (per_s * (seconds + WARMUP_S))
                    found[name].append(Run(per_s, client_us, server_us))
            rows.append({"server": kind, "concurrency": concurrency} | row(**found))
            print(json.dumps(rows[-1]), flush=True)
    finally:
        server.stop()
    return rows


def row(h2load: list[Run], recstream_load: list[Run]) -> dict[str, Any]:
    theirs, ours = (Run(*map(statistics.median, zip(*runs, strict=True))) for runs in (h2load, recstream_load))
    return {
        "h2load_per_s": [round(run.per_s, 1) for run in h2load],
        "recstream_load_per_s": [round(run.per_s, 1) for run in recstream_load],
        "ratio_of_medians": round(ours.per_s / theirs.per_s, 4),
        "ratio_by_server_cpu": round(theirs.server_us / ours.server_us, 4),
        "h2load_cpu_us": round(theirs.client_us, 1),
        "recstream_load_cpu_us": round(ours.client_us, 1),
        "server_cpu_us_under_h2load": round(theirs.server_us, 1),
        "server_cpu_us_under_recstream_load": round(ours.server_us, 1),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=SERVERS)
    parser.add_argument("--concurrency", nargs="+", type=int, default=CONCURRENCY)
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
            for row in compare(kind, arguments.concurrency, arguments.rounds, arguments.seconds, Path(folder))
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
