"""Idle WatchRecommendations streams, held open by this process in a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from benchmarks.serving.catalogues import Catalogue
from benchmarks.serving.driver import user_ids
from benchmarks.serving.processes import ServerProcess
from recstream.v1 import recommendation_service_pb2 as rec_pb

WATCH = "/recstream.v1.RecommendationService/WatchRecommendations"
A_CONNECTION = 64
WAIT_S = 60.0


@contextmanager
def watching(server: ServerProcess, catalogue: Catalogue, count: int, k: int) -> Iterator[None]:
    """Within the context, so many streams are open and have got their first list."""
    opened, over = threading.Event(), threading.Event()
    problems: list[BaseException] = []

    def hold() -> None:
        try:
            asyncio.run(_hold(server.target, user_ids(catalogue)[:count], k, opened, over))
        except BaseException as error:  # noqa: BLE001 - raised by the caller's thread
            problems.append(error)
            opened.set()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        opened.wait()
        if problems:
            raise problems[0]
        yield
    finally:
        over.set()
        thread.join()


async def _hold(target: str, users: list[str], k: int, opened: threading.Event, over: threading.Event) -> None:
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.aio.insecure_channel(target, options=options) for _ in range(0, len(users), A_CONNECTION)]
    calls = []
    for number, user_id in enumerate(users):
        request = rec_pb.WatchRecommendationsRequest(
            recommend=rec_pb.RecommendItemsRequest(user_id=user_id, page_size=k)
        )
        calls.append(channels[number // A_CONNECTION].unary_stream(WATCH)(request.SerializeToString(), timeout=600))
    async with asyncio.timeout(WAIT_S):
        for call in calls:
            if await call.read() is grpc.aio.EOF:
                raise AssertionError("a watch ended without a list")
    opened.set()
    await asyncio.to_thread(over.wait)
    for call in calls:
        call.cancel()
    for channel in channels:
        await channel.close()
