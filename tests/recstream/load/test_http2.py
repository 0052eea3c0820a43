"""The HTTP/2 client against grpcio's server."""

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import grpc
import pytest
from driven_load import answer_of

from recstream.errors import UnavailableError
from recstream.load.frames import UNAVAILABLE
from recstream.load.http2 import Call, Connection, open_connection
from recstream.load.operations import RECOMMEND_PATH, STREAM_PATH
from recstream.v1 import recommendation_service_pb2 as pb

OK = (0, "")


class Recorder(Call):
    """Keeps what comes back."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[bytes] = []
        self.end: asyncio.Future[tuple[int, str]] = asyncio.get_running_loop().create_future()

    def on_message(self, message: bytes) -> None:
        self.messages.append(message)

    def on_end(self, status: int, detail: str) -> None:
        self.end.set_result((status, detail))


def with_connection(target: str, use: Callable[[Connection], Coroutine[Any, Any, None]]) -> None:
    async def body() -> None:
        connection = await open_connection(target, timeout_s=20)
        async with asyncio.timeout(30):
            await use(connection)
        connection.close()

    asyncio.run(body())


def ask(connection: Connection, user_id: str = "u", path: str = RECOMMEND_PATH, size: int = 10) -> Recorder:
    call = Recorder()
    connection.start(call, path, pb.RecommendItemsRequest(user_id=user_id, page_size=size).SerializeToString())
    return call


def recommend(request: Any, context: Any) -> Any:
    return answer_of(request.page_size, length=100)


def test_answers_longer_than_frames_and_first_windows_arrive_whole(serve_slowly) -> None:
    async def use(connection: Connection) -> None:
        calls = [ask(connection, size=size) for size in (0, 1, 150, 1000, 10_000)]
        assert [await call.end for call in calls] == [OK] * 5
        for call, size in zip(calls, (0, 1, 150, 1000, 10_000), strict=True):
            assert call.messages == [answer_of(size, length=100).SerializeToString()]

    with_connection(serve_slowly(RecommendItems=recommend), use)


def test_a_limit_of_streams_is_kept_and_every_call_is_answered(serve_slowly) -> None:
    lock, under_way, most = threading.Lock(), 0, 0
    both = threading.Barrier(2)

    def in_pairs(request: Any, context: Any) -> Any:
        nonlocal under_way, most
        with lock:
            under_way += 1
            most = max(most, under_way)
        both.wait(20)  # passes only when two are there at a time
        with lock:
            under_way -= 1
        return answer_of(1)

    async def use(connection: Connection) -> None:
        calls = [ask(connection) for _ in range(40)]
        assert [await call.end for call in calls] == [OK] * 40

    with_connection(serve_slowly(RecommendItems=in_pairs, options=(("grpc.max_concurrent_streams", 2),)), use)
    assert most == 2


def test_a_stream_keeps_to_the_window_of_a_reader_that_waits(serve_slowly) -> None:
    go = threading.Event()

    def slow_reader(requests: Any, context: Any) -> Iterator[Any]:
        go.wait(20)
        for request in requests:
            yield pb.StreamingRecommendResponse(sequence=request.sequence)

    async def use(connection: Connection) -> None:
        call, count = Recorder(), 300
        messages = [
            pb.StreamingRecommendRequest(
                sequence=number, recommend=pb.RecommendItemsRequest(user_id="u", exclude_item_ids=["x" * 100] * 100)
            ).SerializeToString()
            for number in range(count)
        ]
        assert sum(map(len, messages)) > 40 * 65535
        connection.start(call, STREAM_PATH, messages[0], end=False, deadline=False)
        for message in messages[1:]:
            connection.send(call, message)
        connection.half_close(call)
        await asyncio.sleep(0.2)
        assert call.outbox  # not all of it was sent
        go.set()
        assert await call.end == OK
        assert [pb.StreamingRecommendResponse.FromString(one).sequence for one in call.messages] == list(range(count))

    small_windows = (("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 65_536))
    with_connection(serve_slowly(StreamingRecommend=slow_reader, options=small_windows), use)


def test_many_methods_and_many_calls_share_the_header_tables(serve_slowly) -> None:
    def refuse(request: Any, context: Any) -> Any:
        context.abort(grpc.StatusCode.NOT_FOUND, f"no {request.user_id}\nné 100%")

    async def use(connection: Connection) -> None:
        similar = RECOMMEND_PATH.replace("RecommendItems", "FindSimilarItems")
        rank = RECOMMEND_PATH.replace("RecommendItems", "RankItems")
        for number in range(60):
            good, bad, unknown = ask(connection), ask(connection, f"u{number}", rank), ask(connection, path=similar)
            assert await good.end == OK
            assert await bad.end == (5, f"no u{number}\nné 100%")
            assert (await unknown.end)[0] == 12

    with_connection(serve_slowly(RecommendItems=recommend, RankItems=refuse), use)


def test_a_cancelled_call_is_cancelled_on_the_server_and_not_heard_of(serve_slowly) -> None:
    cancelled = threading.Event()

    def wait(request: Any, context: Any) -> Any:
        context.add_callback(cancelled.set)
        cancelled.wait(20)
        return answer_of(1)

    async def use(connection: Connection) -> None:
        call = ask(connection)
        await asyncio.sleep(0.3)
        connection.cancel(call)
        assert await asyncio.to_thread(cancelled.wait, 20)
        assert (await ask(connection).end) == OK
        assert not call.end.done()

    with_connection(serve_slowly(RecommendItems=wait), use)


def test_calls_fail_when_the_connection_is_lost_and_after() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up() -> None:
            with listener.accept()[0] as peer:
                peer.recv(1000)
                peer.sendall(bytes.fromhex("000000040000000000"))  # SETTINGS
                peer.recv(1000)

        server = threading.Thread(target=hang_up)
        server.start()

        async def use(connection: Connection) -> None:
            call = ask(connection)
            status, detail = await call.end
            assert (status, detail.partition(":")[0]) == (UNAVAILABLE, "the connection is lost")
            assert connection.gone.done()
            assert await ask(connection).end == (UNAVAILABLE, "the connection is lost")

        with_connection(f"127.0.0.1:{listener.getsockname()[1]}", use)
        server.join()


@pytest.mark.parametrize("greeting", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_what_is_no_grpc_server_is_an_error(greeting: bytes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            with listener.accept()[0] as peer:
                peer.recv(1000)
                peer.sendall(greeting)

        server = threading.Thread(target=answer)
        server.start()
        with pytest.raises(UnavailableError, match="is it a gRPC server"):
            asyncio.run(open_connection(f"127.0.0.1:{listener.getsockname()[1]}", timeout_s=20))
        server.join()
