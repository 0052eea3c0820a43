"""Runs the load generator against a server, and reads what it measured."""

import contextlib
import json
import struct
import subprocess
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.serving.catalogues import Catalogue
from benchmarks.serving.pauses import Recorder
from benchmarks.serving.processes import LOAD_CORES, ServerProcess
from benchmarks.serving.programs import load_program
from recstream.client.requests import recommend_request, user_event
from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import user_event_service_pb2 as event_pb

RECOMMEND = "/recstream.v1.RecommendationService/RecommendItems"
STREAM = "/recstream.v1.RecommendationService/StreamingRecommend"
WRITE = "/recstream.v1.UserEventService/WriteUserEvent"
WRITE_STREAM = "/recstream.v1.UserEventService/StreamingWriteUserEvents"
STREAMS = 8
CALLS_PER_CONNECTION = 64
ENTRIES = 4096
"""Different requests, sent over and over."""
ALLOWED_PROBLEMS = 0.001
QUERY, EVENT, PAIR = b"q", b"e", b"p"


class LoadError(Exception):
    """The load could not be put on the server, or was answered wrongly."""


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is put on a server.

    Attributes
    ----------
    script : bytes
        Entries of `entry`.
    concurrency : int
        Calls, or messages on streams, under way at a time; a closed loop.
    rate : float
        Instead: so many a second, an open loop.
    streams : int
        0 for unary calls.
    """

    script: bytes
    items: int = 10
    concurrency: int = 32
    rate: float = 0.0
    streams: int = 0
    path: str = RECOMMEND
    seconds: float = 2.0
    warmup_s: float = 0.5
    cores: str = LOAD_CORES
    connections: int = field(default=0)
    """0: as many as the calls at a time need."""
    recorder: Recorder | None = None
    """Explains what took over 20 ms."""


def run_load(server: ServerProcess, load: Load) -> dict[str, Any]:
    """Figures of a run: answers a second, percentiles, the server's processor time for an answer, its memory.

    Raises
    ------
    LoadError
        More than one call in a thousand failed or was answered wrongly.
    """
    with tempfile.TemporaryDirectory() as folder:
        script, out = Path(folder) / "script", Path(folder) / "latencies"
        script.write_bytes(load.script)
        options = {
            "port": server.port,
            "process": server.pid,
            "script": script,
            "out": out,
            "path": load.path,
            "event-path": WRITE,
            "items": load.items,
            "concurrency": load.concurrency,
            "rate": load.rate,
            "streams": load.streams,
            "connections": load.connections or -(-load.concurrency // CALLS_PER_CONNECTION),
            "seconds": load.seconds,
            "warmup": load.warmup_s,
        }
        command = ["taskset", "-c", load.cores, str(load_program())]
        command += [part for name, value in options.items() for part in (f"--{name}", str(value))]
        told = json.loads(run_program(command, server, load))
        latencies = {path.suffix[1:]: np.fromfile(path, np.float32) for path in Path(folder).glob("latencies.*")}
    if sum(told["problems"].values()) > ALLOWED_PROBLEMS * told["answered"]:
        raise LoadError(f"{told['answered']} answers, and {told['problems']}")
    found = figures(told, latencies, load.seconds) | {"rss_mib": server.rss_mib()}
    return found if load.recorder is None else found | {"pauses": load.recorder.explained(told["pauses"])}


def run_program(command: list[str], server: ServerProcess, load: Load) -> str:
    """What it printed, recorded if that is wanted."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        recorder = load.recorder
        try:
            with contextlib.nullcontext() if recorder is None else recorder.recording(server, program.pid):
                out, problem = program.communicate(timeout=load.seconds + 60)
        except BaseException:
            program.kill()
            raise
    if program.returncode:
        raise LoadError(problem.strip()[-300:])
    return out


def figures(told: dict[str, Any], latencies: dict[str, Any], seconds: float) -> dict[str, Any]:
    answered = told["answered"]
    return {
        "per_s": answered / seconds,
        "server_us": 1e6 * told["server_cpu_s"] / max(answered, 1),
        "server_busy": told["server_cpu_s"] / seconds,
        "client_busy": told["client_cpu_s"] / seconds,
        "problems": told["problems"],
        **{f"{kind}_{name}": value for kind, times in latencies.items() for name, value in percentiles(times).items()},
    }


def percentiles(times_us: Any) -> dict[str, float]:
    names = ("p50_ms", "p99_ms", "p999_ms", "max_ms")
    values = np.percentile(times_us, [50, 99, 99.9, 100]) / 1e3 if len(times_us) else [float("nan")] * 4
    return dict(zip(names, map(float, values), strict=True)) | {"over_20_ms": int(np.sum(times_us > 20_000))}


def entry(kind: bytes, *messages: bytes) -> bytes:
    return kind + b"".join(struct.pack(">I", len(message)) + message for message in messages)


def queries(catalogue: Catalogue, k: int, *, streamed: bool) -> bytes:
    """Queries of users drawn uniformly."""
    requests = (recommend_request(user_id, page_size=k) for user_id in user_ids(catalogue))
    if not streamed:
        return b"".join(entry(QUERY, request.SerializeToString()) for request in requests)
    return b"".join(entry(QUERY, message) for message in _streamed(requests))


def events(catalogue: Catalogue) -> bytes:
    """Events for StreamingWriteUserEvents."""
    messages = (event_pb.StreamingWriteUserEventsRequest(sequence=n, event=event) for n, event in _events(catalogue))
    return b"".join(entry(EVENT, message.SerializeToString()) for message in messages)


def pairs(catalogue: Catalogue, k: int) -> bytes:
    """Events, each with the query of its user behind it, for a stream."""
    script = b""
    for number, event in _events(catalogue):
        query = recommend_request(event.user_id, page_size=k)
        first = rec_pb.StreamingRecommendRequest(sequence=2 * number, event=event)
        second = rec_pb.StreamingRecommendRequest(sequence=2 * number + 1, recommend=query)
        script += entry(PAIR, first.SerializeToString(), second.SerializeToString())
    return script


def mixed(catalogue: Catalogue, k: int, every: int) -> bytes:
    """Unary queries, and in place of one in `every` an event."""
    script = b""
    for number, event in _events(catalogue):
        if number % every == 0:
            script += entry(EVENT, event_pb.WriteUserEventRequest(event=event).SerializeToString())
        else:
            script += entry(QUERY, recommend_request(event.user_id, page_size=k).SerializeToString())
    return script


def user_ids(catalogue: Catalogue) -> list[str]:
    ids = catalogue.bundle.user_ids
    return [ids[int(row)] for row in catalogue.users(ENTRIES)]


def _events(catalogue: Catalogue) -> Iterable[tuple[int, Any]]:
    """Without ids of their own, so that the same event can be sent again as another one."""
    items = np.random.default_rng([catalogue.seed, 8]).integers(0, len(catalogue.bundle.item_ids), ENTRIES)
    for number, (user_id, row) in enumerate(zip(user_ids(catalogue), items, strict=True), 1):
        event = user_event(user_id=user_id, item_id=catalogue.bundle.item_ids[int(row)], event_type="view")
        event.event_id = ""
        yield number, event


def _streamed(requests: Iterable[Any]) -> Iterable[bytes]:
    for number, request in enumerate(requests, 1):
        yield rec_pb.StreamingRecommendRequest(sequence=number, recommend=request).SerializeToString()
