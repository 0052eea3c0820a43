"""One worker's part of the load: begins operations when they are due and measures how they go."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from typing import Final

import numpy as np

from recstream.client.requests import recommend_request
from recstream.load import operations as ops
from recstream.load.http2 import Call
from recstream.load.links import Links
from recstream.load.operations import Operation, RecommendStream, UnaryCall, WatchCall
from recstream.load.population import Population, draw
from recstream.load.samples import Samples
from recstream.load.schedule import Stage
from recstream.load.settings import EVENT_KINDS, Kind, LoadSettings
from recstream.v1.recommendation_service_pb2 import StreamingRecommendRequest

# Requests begun in one turn of the event loop when many are due: answers must be read in between.
_BURST: Final = 8
_SWEEP_S: Final = 0.05
# The server should be the one to say that the deadline has passed.
_PATIENCE_S: Final = 0.25
_WATCHERS_PER_CONNECTION: Final = 64


class Driver:
    """The operations of one worker.

    Parameters
    ----------
    settings : LoadSettings
    population : Population
    worker : int
        Which of the `settings.processes` workers this is.
    """

    def __init__(self, settings: LoadSettings, population: Population, worker: int) -> None:
        self._settings = settings
        self._worker = worker
        self._links = self._links_to_server(self._share(settings.connections))
        self._watch_links: Links | None = None
        self._streams: list[RecommendStream | None] = [None] * self._share(settings.streams)
        self._next_stream = 0
        self._users = draw(population.users, settings.zipf, seed=settings.seed, stream=3 * worker)
        self._items = draw(population.items, 0.0, seed=settings.seed, stream=3 * worker + 1)
        self._kinds = _kinds(settings.mix, [settings.seed, 3 * worker + 2])
        self._begin_kind: Mapping[Kind, Callable[[Operation], None]] = {
            Kind.RECOMMEND: self._recommend,
            Kind.EVENT: self._event,
            Kind.STREAM: self._on_stream,
            Kind.STREAM_EVENT: self._on_stream,
            Kind.WATCH: self._watch,
        }
        self._check_answer = ops.check_recommendations(settings.count)
        self._check_list = ops.check_list(settings.count)
        self._deadlines: deque[tuple[int, Operation]] = deque()
        self._under_way = 0
        self._refill = False
        self._stage_end_ns = 0
        self._idle = asyncio.Event()
        self._sweeper: asyncio.Task[None] | None = None
        self._samples = Samples()

    def _links_to_server(self, size: int) -> Links:
        settings = self._settings
        return Links(settings.target, size, timeout_s=settings.timeout_s, tls=settings.tls)

    def _share(self, total: int) -> int:
        """Its part of connections or streams: one at least."""
        return max(1, Stage(0, concurrency=total).concurrency_of(self._worker, self._settings.processes))

    async def open(self) -> None:
        """Connect, and open the idle watchers."""
        await self._links.open()
        self._sweeper = asyncio.create_task(self._sweep())
        watchers = Stage(0, concurrency=self._settings.watchers).concurrency_of(self._worker, self._settings.processes)
        if watchers:
            connections = -(-watchers // _WATCHERS_PER_CONNECTION)
            self._watch_links = self._links_to_server(connections)
            await self._watch_links.open()
            for _ in range(watchers):
                message = ops.watch_message(next(self._users), self._settings.count)
                self._watch_links.next().start(_IdleWatch(self), ops.WATCH_PATH, message, deadline=False)

    async def close(self) -> None:
        """Close the connections."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        for links in filter(None, (self._links, self._watch_links)):
            await links.close()

    def take(self) -> Samples:
        """What was measured since the last time."""
        samples, self._samples = self._samples, Samples()
        return samples

    async def run(self, stage: Stage, start_ns: int) -> None:
        """Drive a stage, and wait until all of its operations are over.

        Parameters
        ----------
        stage : Stage
        start_ns : int
            When it begins, by the monotonic clock, which all processes share.
        """
        self._stage_end_ns = start_ns + round(stage.seconds * 1e9)
        self._refill = stage.concurrency > 0
        await _sleep_until(start_ns)
        if stage.concurrency:
            for _ in range(stage.concurrency_of(self._worker, self._settings.processes)):
                self._begin(time.monotonic_ns())
        else:
            await self._run_open(stage, start_ns)
        await _sleep_until(self._stage_end_ns)
        while self._under_way:
            self._idle.clear()
            await self._idle.wait()

    async def _run_open(self, stage: Stage, start_ns: int) -> None:
        burst = 0
        for number in stage.arrivals_of(self._worker, self._settings.processes):
            due_ns = start_ns + stage.arrival_ns(number)
            burst = 0 if await _sleep_until(due_ns) else burst + 1
            if burst == _BURST:
                await asyncio.sleep(0)
                burst = 0
            self._samples.lags_us.append((time.monotonic_ns() - due_ns) // 1000)
            self._begin(due_ns)

    def _begin(self, intended_ns: int) -> None:
        operation = Operation(next(self._kinds), intended_ns)
        limit_ns = time.monotonic_ns() + round((self._settings.timeout_s + _PATIENCE_S) * 1e9)
        self._deadlines.append((limit_ns, operation))
        self._under_way += 1
        self._samples.sent += 1
        self._begin_kind[operation.kind](operation)

    def _finish(self, operation: Operation, problem: str) -> None:
        if operation.over:
            return
        now_ns = time.monotonic_ns()
        operation.over = True
        operation.cancel = None
        self._under_way -= 1
        if problem:
            self._samples.add_failure(f"{operation.kind}: {problem}")
        else:
            self._samples.add_latency(operation.kind, (now_ns - operation.intended_ns) // 1000)
            self._samples.in_time += now_ns <= self._stage_end_ns
        if self._refill and now_ns < self._stage_end_ns:
            self._begin(now_ns)
        elif not self._under_way:
            self._idle.set()

    # The kinds of operations.

    def _recommend(self, operation: Operation) -> None:
        message = ops.recommend_message(next(self._users), self._settings.count)
        self._start(UnaryCall(operation, self._check_answer, self._finish), operation, ops.RECOMMEND_PATH, message)

    def _event(self, operation: Operation) -> None:
        event = ops.event_of(next(self._users), next(self._items), self._settings.event_type)
        call = UnaryCall(operation, ops.check_acknowledgement, self._finish)
        self._start(call, operation, ops.EVENT_PATH, ops.event_message(event))

    def _watch(self, operation: Operation) -> None:
        message = ops.watch_message(next(self._users), self._settings.count)
        self._start(WatchCall(operation, self._check_list, self._finish), operation, ops.WATCH_PATH, message)

    def _start(self, call: Call, operation: Operation, path: str, message: bytes) -> None:
        connection = self._links.next()
        operation.cancel = lambda: connection.cancel(call)
        connection.start(call, path, message)

    def _on_stream(self, operation: Operation) -> None:
        if operation.kind == Kind.STREAM_EVENT:
            event = ops.event_of(next(self._users), next(self._items), self._settings.event_type)
            message = StreamingRecommendRequest(event=event)
        else:
            query = recommend_request(next(self._users), page_size=self._settings.count)
            message = StreamingRecommendRequest(recommend=query)
        self._stream().ask(operation, message)

    def _stream(self) -> RecommendStream:
        place = self._next_stream
        self._next_stream = (place + 1) % len(self._streams)
        stream = self._streams[place]
        if stream is None or stream.ended:
            stream = RecommendStream(self._links.next(), self._settings.count, self._finish)
            self._streams[place] = stream
        return stream

    async def _sweep(self) -> None:
        """Give up operations whose time is over; all have the same, so they lie in order."""
        while True:
            now_ns = time.monotonic_ns()
            while self._deadlines and (self._deadlines[0][1].over or self._deadlines[0][0] < now_ns):
                operation = self._deadlines.popleft()[1]
                cancel = operation.cancel
                self._finish(operation, f"no answer within {self._settings.timeout_s:g} s")
                if cancel is not None:
                    cancel()
            await asyncio.sleep(_SWEEP_S)

    def count_list(self) -> None:
        """Count a list that was pushed to an idle watcher."""
        self._samples.watch_lists += 1

    def count_lost_watcher(self, why: str) -> None:
        """Count an idle watcher that has ended as a failure."""
        self._samples.add_failure(f"idle watcher: {why}")


class _IdleWatch(Call):
    def __init__(self, driver: Driver) -> None:
        super().__init__()
        self._driver = driver

    def on_message(self, message: bytes) -> None:  # noqa: ARG002 - only the number of lists matters
        self._driver.count_list()

    def on_end(self, status: int, detail: str) -> None:
        self._driver.count_lost_watcher(ops.describe_status(status, detail))


async def _sleep_until(moment_ns: int) -> bool:
    """Whether there was anything to wait for."""
    slept = False
    while (wait_ns := moment_ns - time.monotonic_ns()) > 0:
        await asyncio.sleep(wait_ns / 1e9)
        slept = True
    return slept


def _kinds(mix: Mapping[Kind, float], seed: list[int]) -> Iterator[Kind]:
    kinds, random = list(mix), np.random.default_rng(seed)
    while True:
        for place in random.choice(len(kinds), 4096, p=list(mix.values())).tolist():
            yield kinds[place]


def needs_items(mix: Mapping[Kind, float]) -> bool:
    """Whether a mix writes events, which are about items."""
    return not EVENT_KINDS.isdisjoint(mix)
