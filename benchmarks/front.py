"""Which gRPC front serves this workload better: grpc.aio or the thread-pool server.

python benchmarks/front.py [--rounds 3] [--json benchmarks/results/front.json]

Each front runs in a process of its own, pinned to one core, with the same checks, engine and packing over a catalogue
of the size of ml-1m (3,706 items, 64 dimensions, 6,040 users); `serve` is the whole server, with admission, metrics and
error handling around. The client is pinned to another core and sends prepared bytes. Measured are calls
(RecommendItems, 10 items) at a concurrency of 32, queries on 8 StreamingRecommend streams with 16 in flight each, and
both with idle WatchRecommendations streams open. Processor time of the server for each call is the figure to compare:
it does not depend on what else the machine does.
"""

import argparse
import asyncio
import json
import os
import platform
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import polars as pl
from recstream_server.item_filters import ItemFilters
from recstream_server.retrieval.exact import ExactRetrieval
from recstream_server.served_model import ServedModel
from recstream_server.settings import LimitSettings
from recstream_server.validation import RecommendationChecks

from recstream.bundle import AlsFoldIn, BundleContent, DataRecord, TrainingRecord, load_bundle, write_bundle
from recstream.bundle.attribute_table import build_attribute_table
from recstream.bundle.engine import build_engine
from recstream.event_types import EventTypes
from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import recommendation_service_pb2_grpc as rec_grpc

ITEMS, USERS, DIMENSION, HISTORY = 3706, 6040, 64, 100
SERVICE = "/recstream.v1.RecommendationService"
CONCURRENCY, STREAMS, IN_FLIGHT = 32, 8, 16
SECONDS = 4.0
FRONTS = ("threads-4", "threads-4+watchers", "aio", "serve")
WATCHERS = (0, 200)


def write_model(path: Path) -> None:
    random = np.random.default_rng(1)
    entries = USERS * HISTORY
    write_bundle(
        path,
        BundleContent(
            name="front",
            family="als",
            item_ids=[f"Some Title Of A Film ({number})" for number in range(ITEMS)],
            item_vectors=random.standard_normal((ITEMS, DIMENSION)).astype(np.float32),
            item_popularity=np.ones(ITEMS, np.float32),
            user_ids=[str(number) for number in range(USERS)],
            user_vectors=random.standard_normal((USERS, DIMENSION)).astype(np.float32),
            history=(
                np.arange(0, entries + 1, HISTORY, dtype=np.int64),
                random.integers(0, ITEMS, entries).astype(np.int32),
                np.ones(entries, np.float32),
            ),
            encoder=AlsFoldIn(unobserved_weight=0.1, regularization=0.1, regularization_exponent=0.5),
            items=pl.DataFrame({"title": [f"Title {number}" for number in range(ITEMS)]}),
            metrics={},
            training=TrainingRecord(seed=1, protocol=None, config={}),
            data=DataRecord(name="random", interactions=entries, fingerprint="0" * 64),
        ),
    )


class Answers:
    """What both fronts do for a query."""

    def __init__(self, bundle_path: Path) -> None:
        bundle = load_bundle(bundle_path)
        engine = build_engine(bundle, threads=1)
        filters = ItemFilters(build_attribute_table(bundle.items, cache_bytes=0))
        self._model = ServedModel(bundle, engine, ExactRetrieval(engine), filters, max_history=1000)
        self._checks = RecommendationChecks(LimitSettings(), EventTypes())

    def recommend(self, request: rec_pb.RecommendItemsRequest) -> rec_pb.RecommendItemsResponse:
        query = self._checks.recommend(request)
        return self._model.packer.recommended(self._model.recommend(query), include_attributes=False)

    def answer(self, message: rec_pb.StreamingRecommendRequest) -> rec_pb.StreamingRecommendResponse:
        return rec_pb.StreamingRecommendResponse(
            sequence=message.sequence, recommendation=self.recommend(message.recommend)
        )


class ThreadedFront(rec_grpc.RecommendationServiceServicer):
    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    def RecommendItems(self, request: Any, context: Any) -> Any:
        return self._answers.recommend(request)

    def StreamingRecommend(self, request_iterator: Any, context: Any) -> Iterator[Any]:
        return map(self._answers.answer, request_iterator)

    def WatchRecommendations(self, request: Any, context: Any) -> Iterator[Any]:
        yield rec_pb.WatchRecommendationsResponse(recommendation=self._answers.recommend(request.recommend))
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait()


class AioFront(rec_grpc.RecommendationServiceServicer):
    def __init__(self, answers: Answers) -> None:
        self._answers = answers

    async def RecommendItems(self, request: Any, context: Any) -> Any:
        return self._answers.recommend(request)

    async def StreamingRecommend(self, request_iterator: Any, context: Any) -> None:
        while (message := await context.read()) is not grpc.aio.EOF:
            await context.write(self._answers.answer(message))

    async def WatchRecommendations(self, request: Any, context: Any) -> None:
        await context.write(
            rec_pb.WatchRecommendationsResponse(recommendation=self._answers.recommend(request.recommend))
        )
        await asyncio.Event().wait()


def run_threads(bundle_path: Path, workers: int) -> None:
    server = grpc.server(ThreadPoolExecutor(workers), options=OPTIONS)
    rec_grpc.add_RecommendationServiceServicer_to_server(ThreadedFront(Answers(bundle_path)), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    print(f"ready 127.0.0.1:{port}", flush=True)
    server.wait_for_termination()


async def run_aio(bundle_path: Path) -> None:
    server = grpc.aio.server(options=OPTIONS)
    rec_grpc.add_RecommendationServiceServicer_to_server(AioFront(Answers(bundle_path)), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(f"ready 127.0.0.1:{port}", flush=True)
    await server.wait_for_termination()


OPTIONS = [("grpc.so_reuseport", 0), ("grpc.max_concurrent_streams", 1000)]


class Server:
    """A front in a process of its own, on core 0."""

    def __init__(self, front: str, bundle_path: Path, state: Path, watchers: int) -> None:
        if front == "serve":
            command = [str(Path(sys.executable).parent / "recstream"), "serve", "--bundle", str(bundle_path)]
            command += ["--state", str(state), "--listen", "127.0.0.1:0", "--transport", "python"]
        else:
            workers = 4 + (watchers if front.endswith("+watchers") else 0)
            command = [sys.executable, __file__, "--front", front, "--bundle", str(bundle_path)]
            command += ["--workers", str(workers)]
        self._start(command)

    def _start(self, command: list[str]) -> None:
        environment = os.environ | {"RECSTREAM_SERVER__LIMITS__CALLS_PER_CONNECTION": "1000"}
        self._process = subprocess.Popen(
            ["taskset", "-c", "0", *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )
        assert self._process.stdout is not None
        self.target = self._process.stdout.readline().rpartition(" ")[2].strip()

    def cpu_s(self) -> float:
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


def requests() -> list[bytes]:
    return [rec_pb.RecommendItemsRequest(user_id=str(number)).SerializeToString() for number in range(512)]


async def unary(channel: grpc.aio.Channel, until: float) -> list[float]:
    call, prepared = channel.unary_unary(f"{SERVICE}/RecommendItems"), requests()
    latencies = []

    async def worker(start: int) -> None:
        number = start
        while (begun := time.perf_counter()) < until:
            try:
                await call(prepared[number % len(prepared)], timeout=SECONDS)
            except grpc.aio.AioRpcError:
                return
            latencies.append(time.perf_counter() - begun)
            number += 1

    await asyncio.gather(*(worker(start * 16) for start in range(CONCURRENCY)))
    return latencies


async def streaming(channel: grpc.aio.Channel, until: float) -> list[float]:
    query = rec_pb.RecommendItemsRequest(user_id="7")
    message = rec_pb.StreamingRecommendRequest(sequence=1, recommend=query).SerializeToString()
    latencies = []

    async def stream() -> None:
        call = channel.stream_stream(f"{SERVICE}/StreamingRecommend")(timeout=2 * SECONDS)
        sent = [time.perf_counter() for _ in range(IN_FLIGHT)]
        for _ in sent:
            await call.write(message)
        while time.perf_counter() < until:
            await call.read()
            latencies.append(time.perf_counter() - sent.pop(0))
            sent.append(time.perf_counter())
            await call.write(message)
        call.cancel()

    results = await asyncio.gather(*(stream() for _ in range(STREAMS)), return_exceptions=True)
    return latencies if not any(isinstance(result, grpc.aio.AioRpcError) for result in results) else []


async def measure(server: Server, watchers: int) -> dict[str, dict[str, float]]:
    figures = {}
    async with (
        grpc.aio.insecure_channel(server.target, options=[("grpc.use_local_subchannel_pool", 1)]) as watching,
        grpc.aio.insecure_channel(server.target, options=[("grpc.use_local_subchannel_pool", 1)]) as channel,
    ):
        watch = rec_pb.WatchRecommendationsRequest(recommend=rec_pb.RecommendItemsRequest(user_id="1"))
        data = watch.SerializeToString()
        open_streams = [watching.unary_stream(f"{SERVICE}/WatchRecommendations")(data) for _ in range(watchers)]
        if open_streams:
            await asyncio.wait([asyncio.ensure_future(call.read()) for call in open_streams], timeout=10)
        for name, load in (("unary", unary), ("streaming", streaming)):
            await load(channel, time.perf_counter() + 0.5)
            cpu_s, begun = server.cpu_s(), time.perf_counter()
            latencies = await load(channel, begun + SECONDS)
            elapsed, cpu_s = time.perf_counter() - begun, server.cpu_s() - cpu_s
            count = len(latencies)
            figures[name] = {
                "per_second": count / elapsed,
                "server_cpu_us": 1e6 * cpu_s / count if count else float("nan"),
                "p50_ms": 1e3 * float(np.percentile(latencies, 50)) if count else float("nan"),
                "p99_ms": 1e3 * float(np.percentile(latencies, 99)) if count else float("nan"),
            }
        for call in open_streams:
            call.cancel()
    return figures


def compare(rounds: int) -> dict[str, Any]:
    best: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        bundle_path = Path(folder) / "bundle"
        write_model(bundle_path)
        for round_number in range(rounds):
            for watchers in WATCHERS:
                for front in FRONTS:
                    server = Server(front, bundle_path, Path(folder) / f"{front}-{watchers}-{round_number}", watchers)
                    figures = asyncio.run(measure(server, watchers))
                    server.stop()
                    keep_best(best, f"{front}, {watchers} watchers", figures)
    return best


def keep_best(best: dict[str, Any], name: str, figures: dict[str, dict[str, float]]) -> None:
    """Keep the run with the least processor time: anything else on the machine only adds to it."""
    kept = best.setdefault(name, {})
    for load, figure in figures.items():
        if load not in kept or figure["server_cpu_us"] < kept[load]["server_cpu_us"]:
            kept[load] = figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--front", help=argparse.SUPPRESS)
    parser.add_argument("--bundle", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--workers", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.front == "aio":
        asyncio.run(run_aio(arguments.bundle))
    elif arguments.front:
        run_threads(arguments.bundle, arguments.workers)
    else:
        os.sched_setaffinity(0, {1})
        report(compare(arguments.rounds), arguments.json)


def report(best: dict[str, Any], path: Path | None) -> None:
    machine = (
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, grpcio {grpc.__version__}"
    )
    print(f"\n{machine}; {ITEMS} items x {DIMENSION}\n")
    print("| front | unary /s | server us | p50 ms | p99 ms | messages /s | server us | p50 ms | p99 ms |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, loads in best.items():
        cells = [
            f"{load['per_second']:.0f} | {load['server_cpu_us']:.0f} | {load['p50_ms']:.1f} | {load['p99_ms']:.1f}"
            for load in (loads["unary"], loads["streaming"])
        ]
        print(f"| {name} | {' | '.join(cells)} |")
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            json.dumps({"machine": machine, "command": " ".join(sys.argv), "fronts": best}, indent=2) + "\n"
        )


if __name__ == "__main__":
    main()
