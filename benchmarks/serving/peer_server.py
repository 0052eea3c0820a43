"""The servers that ours is compared with, each in a process of its own; `peers.py` starts them.

python -m benchmarks.serving.peer_server FRONT MODEL --bundle DIR [--answers UNARY STREAM] [--hnsw FILE --ef-search N]

FRONT is grpcio's thread pool or grpc.aio, MODEL what stands behind: `echo` sends prepared bytes, `flat` asks faiss for
one user after another, `batch` for all that wait, and `hnsw` an approximate index. Answers leave out what a user has
seen, as ours do: by asking for as many more.
"""

import argparse
import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

from benchmarks.topk import blas

blas.load()

import faiss  # noqa: E402  # after its BLAS was told which kernels to take
import grpc  # noqa: E402
import numpy as np  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

from recstream.bundle import load_bundle  # noqa: E402
from recstream.v1 import recommendation_service_pb2 as rec_pb  # noqa: E402

SERVICE = "recstream.v1.RecommendationService"
MOST_IN_BATCH = 64
Vector = NDArray[np.float32]
Found = tuple[NDArray[np.float32], NDArray[np.int64]]


class Model:
    """Users, items and an index of a bundle."""

    def __init__(self, bundle_path: Path, index_path: Path | None, ef_search: int) -> None:
        bundle = load_bundle(bundle_path, verify=False)
        self._item_ids = bundle.item_ids.to_list()
        self._users = {user_id: row for row, user_id in enumerate(bundle.user_ids.to_list())}
        self._vectors = np.array(bundle.user_vectors)
        indptr, rows = bundle.history_indptr, bundle.history_rows
        self._seen = [frozenset(rows[first:last].tolist()) for first, last in pairwise(indptr)]
        if index_path is None:
            self._index: Any = faiss.IndexFlatIP(self._vectors.shape[1])
            self._index.add(np.array(bundle.item_vectors))
        else:
            self._index = faiss.read_index(str(index_path))
            self._index.hnsw.efSearch = ef_search

    def query(self, request: rec_pb.RecommendItemsRequest) -> tuple[int, int]:
        """The row of the user, and how many items to ask for."""
        user = self._users[request.user_id]
        return user, request.page_size + len(self._seen[user])

    def search(self, users: list[int], count: int) -> Found:
        found: Found = self._index.search(self._vectors[users], count)
        return found

    def pack(
        self, user: int, page_size: int, scores: NDArray[np.float32], rows: NDArray[np.int64]
    ) -> rec_pb.RecommendItemsResponse:
        response, seen = rec_pb.RecommendItemsResponse(), self._seen[user]
        for score, row in zip(scores.tolist(), rows.tolist(), strict=True):
            if row not in seen:
                response.recommendations.add(item_id=self._item_ids[row], score=score)
                if len(response.recommendations) == page_size:
                    break
        return response

    def answer(self, request: rec_pb.RecommendItemsRequest) -> rec_pb.RecommendItemsResponse:
        user, count = self.query(request)
        scores, rows = self.search([user], count)
        return self.pack(user, request.page_size, scores[0], rows[0])

    def answer_all(self, requests: list[rec_pb.RecommendItemsRequest]) -> list[rec_pb.RecommendItemsResponse]:
        queries = [self.query(request) for request in requests]
        scores, rows = self.search([user for user, _ in queries], max(count for _, count in queries))
        return [
            self.pack(user, request.page_size, *found)
            for request, (user, _), *found in zip(requests, queries, scores, rows, strict=True)
        ]


class ThreadBatcher:
    """A thread that asks for all that waits."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._waiting: queue.SimpleQueue[tuple[Any, Future[Any]]] = queue.SimpleQueue()
        threading.Thread(target=self._run, daemon=True).start()

    def answer(self, request: rec_pb.RecommendItemsRequest) -> rec_pb.RecommendItemsResponse:
        future: Future[Any] = Future()
        self._waiting.put((request, future))
        return future.result()

    def _run(self) -> None:
        while True:
            batch = [self._waiting.get()]
            while len(batch) < MOST_IN_BATCH and not self._waiting.empty():
                batch.append(self._waiting.get())
            for (_, future), answer in zip(
                batch, self._model.answer_all([request for request, _ in batch]), strict=True
            ):
                future.set_result(answer)


class AioBatcher:
    """A task that asks for all that waits, in a thread, so that more can arrive meanwhile."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._waiting: list[tuple[Any, asyncio.Future[Any]]] = []
        self._task: asyncio.Task[None] | None = None

    async def answer(self, request: rec_pb.RecommendItemsRequest) -> rec_pb.RecommendItemsResponse:
        future = asyncio.get_running_loop().create_future()
        self._waiting.append((request, future))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return await future

    async def _run(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:MOST_IN_BATCH], self._waiting[MOST_IN_BATCH:]
            answers = await asyncio.to_thread(self._model.answer_all, [request for request, _ in batch])
            for (_, future), answer in zip(batch, answers, strict=True):
                if not future.done():
                    future.set_result(answer)


def serve_threads(answer: Callable[[Any], Any], echo: tuple[bytes, bytes] | None, workers: int) -> None:
    def unary(request: Any, context: Any) -> Any:
        return answer(request)

    def stream(requests: Iterator[Any], context: Any) -> Iterator[Any]:
        for message in requests:
            yield streamed(message, answer(message.recommend))

    def echo_stream(requests: Iterator[Any], context: Any) -> Iterator[bytes]:
        assert echo is not None
        return (echo[1] for _ in requests)

    server = grpc.server(ThreadPoolExecutor(workers), options=OPTIONS)
    calls = (lambda _request, _context: echo[0], echo_stream) if echo else (unary, stream)
    server.add_generic_rpc_handlers([handlers(*calls, parsed=echo is None)])
    announce(server.add_insecure_port("127.0.0.1:0"))
    server.start()
    server.wait_for_termination()


async def serve_aio(answer: Callable[[Any], Any], echo: tuple[bytes, bytes] | None) -> None:
    async def unary(request: Any, context: Any) -> Any:
        return echo[0] if echo else await answer(request)

    async def stream(requests: Any, context: Any) -> None:
        while (message := await context.read()) is not grpc.aio.EOF:
            await context.write(echo[1] if echo else streamed(message, await answer(message.recommend)))

    server = grpc.aio.server(options=OPTIONS)
    server.add_generic_rpc_handlers([handlers(unary, stream, parsed=echo is None)])
    announce(server.add_insecure_port("127.0.0.1:0"))
    await server.start()
    await server.wait_for_termination()


OPTIONS = [("grpc.so_reuseport", 0)]


def handlers(unary: Any, stream: Any, *, parsed: bool) -> Any:
    """The two RPCs; the echo's messages stay bytes."""
    codecs = [
        (rec_pb.RecommendItemsRequest.FromString, rec_pb.RecommendItemsResponse.SerializeToString),
        (rec_pb.StreamingRecommendRequest.FromString, rec_pb.StreamingRecommendResponse.SerializeToString),
    ]
    one, many = codecs if parsed else [(None, None), (None, None)]
    methods = {
        "RecommendItems": grpc.unary_unary_rpc_method_handler(unary, *one),
        "StreamingRecommend": grpc.stream_stream_rpc_method_handler(stream, *many),
    }
    return grpc.method_handlers_generic_handler(SERVICE, methods)


def streamed(message: Any, answer: Any) -> rec_pb.StreamingRecommendResponse:
    return rec_pb.StreamingRecommendResponse(sequence=message.sequence, recommendation=answer)


def announce(port: int) -> None:
    print(f"ready 127.0.0.1:{port}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("front", choices=("threads", "aio"))
    parser.add_argument("model", choices=("echo", "flat", "batch", "hnsw"))
    parser.add_argument("--bundle", type=Path)
    parser.add_argument("--answers", nargs=2, type=Path)
    parser.add_argument("--hnsw", type=Path)
    parser.add_argument("--ef-search", type=int, default=64)
    arguments = parser.parse_args()
    faiss.omp_set_num_threads(1)
    echo, answer = None, None
    if arguments.model == "echo":
        echo = (arguments.answers[0].read_bytes(), arguments.answers[1].read_bytes())
    else:
        answer = choose_answer(arguments)
    if arguments.front == "threads":
        serve_threads(answer, echo, workers=128 if arguments.model == "batch" else 10)  # type: ignore[arg-type]
    else:
        asyncio.run(serve_aio(answer, echo))  # type: ignore[arg-type]


def choose_answer(arguments: argparse.Namespace) -> Callable[[Any], Any]:
    model = Model(arguments.bundle, arguments.hnsw, arguments.ef_search)
    if arguments.model == "batch":
        faiss.cvar.distance_compute_blas_threshold = 1
        return (ThreadBatcher if arguments.front == "threads" else AioBatcher)(model).answer
    if arguments.front == "threads":
        return model.answer

    async def answer(request: Any) -> Any:
        return model.answer(request)

    return answer


if __name__ == "__main__":
    main()
