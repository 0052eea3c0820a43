"""The wrapper around handlers, with a server in this process whose handlers misbehave."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest
import structlog
from google.protobuf.empty_pb2 import Empty
from google.rpc.status_pb2 import Status
from recstream_server.draining import Draining
from recstream_server.interceptors.admission import Admission
from recstream_server.interceptors.calls import GuardedHandlers
from recstream_server.settings import LimitSettings, LogSettings
from recstream_server.telemetry.calls import CallRecords
from recstream_server.telemetry.metrics import Metrics

from recstream.errors import NotFoundError


class Guarded:
    """One guarded unary RPC on a server of its own."""

    def __init__(self, behaviour: Callable[[Any, Any], Awaitable[Any]], limits: LimitSettings) -> None:
        self.admission = Admission(limits)
        self.metrics = Metrics()
        self.handlers = GuardedHandlers(
            self.admission, Admission(limits), Draining(), CallRecords(self.metrics, LogSettings())
        )
        handler = grpc.unary_unary_rpc_method_handler(behaviour, Empty.FromString, Empty.SerializeToString)
        self.handlers.add_registered_method_handlers("recstream.v1.Test", {"Call": handler})

    def count(self, code: str) -> float | None:
        labels = {"rpc": "recstream.v1.Test/Call", "code": code}
        return self.metrics.registry.get_sample_value("recstream_calls_total", labels)

    def run(self, client: Callable[[Any], Awaitable[Any]]) -> Any:
        async def running() -> Any:
            server = grpc.aio.server(handlers=[self.handlers])
            port = server.add_insecure_port("127.0.0.1:0")
            await server.start()
            async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                result = await client(channel.unary_unary("/recstream.v1.Test/Call"))
            await server.stop(None)
            return result

        return asyncio.run(running())


async def error_of(call: Any) -> grpc.aio.AioRpcError:
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return error
    raise AssertionError("the call succeeded")


def status_in(error: grpc.aio.AioRpcError) -> Status:
    return Status.FromString(dict(error.trailing_metadata())["grpc-status-details-bin"])


async def succeed(request: Any, context: Any) -> Empty:
    return Empty()


async def fail(request: Any, context: Any) -> Empty:
    raise ZeroDivisionError("secret")


async def miss(request: Any, context: Any) -> Empty:
    raise NotFoundError("no such thing", reason="ITEM_NOT_FOUND")


def test_a_call_that_succeeds_is_counted() -> None:
    guarded = Guarded(succeed, LimitSettings())
    assert guarded.run(lambda call: call(b"")) == b""
    assert guarded.count("OK") == 1
    assert guarded.admission.calls == 0


def test_an_error_of_ours_is_translated() -> None:
    guarded = Guarded(miss, LimitSettings())
    error = guarded.run(lambda call: error_of(call(b"")))
    assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, "no such thing")
    assert status_in(error).message == "no such thing"
    assert guarded.count("NOT_FOUND") == 1
    assert guarded.admission.calls == 0


def test_an_unforeseen_error_is_internal_and_says_nothing() -> None:
    guarded = Guarded(fail, LimitSettings())
    with structlog.testing.capture_logs() as logs:
        error = guarded.run(lambda call: error_of(call(b"")))
    assert error.code() == grpc.StatusCode.INTERNAL
    assert "secret" not in str(error)
    assert isinstance(logs[0]["exc_info"], ZeroDivisionError)
    assert guarded.count("INTERNAL") == 1


def test_calls_over_the_limit_are_refused_at_once() -> None:
    async def slow(request: Any, context: Any) -> Empty:
        await release.wait()
        return Empty()

    async def client(call: Any) -> grpc.aio.AioRpcError:
        first = call(b"")
        while guarded.admission.calls == 0:
            await asyncio.sleep(0)
        refused = await error_of(call(b""))
        release.set()
        await first
        return refused

    release = asyncio.Event()
    guarded = Guarded(slow, LimitSettings(calls_in_flight=1))
    error = guarded.run(client)
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert [detail.type_url.rpartition(".")[2] for detail in status_in(error).details] == ["ErrorInfo", "RetryInfo"]
    assert (guarded.count("OK"), guarded.count("RESOURCE_EXHAUSTED")) == (1, 1)


def test_a_call_that_is_cancelled_is_counted_and_let_go() -> None:
    async def endless(request: Any, context: Any) -> Empty:
        await asyncio.Event().wait()
        return Empty()

    async def client(call: Any) -> None:
        pending = call(b"")
        while guarded.admission.calls == 0:
            await asyncio.sleep(0)
        pending.cancel()
        while guarded.admission.calls == 1:
            await asyncio.sleep(0)
        assert (await error_of(call(b"", timeout=0.05))).code() == grpc.StatusCode.DEADLINE_EXCEEDED
        while guarded.admission.calls == 1:
            await asyncio.sleep(0)

    guarded = Guarded(endless, LimitSettings())
    guarded.run(client)
    assert guarded.count("CANCELLED") == 1
    assert guarded.count("DEADLINE_EXCEEDED") == 1


def test_no_work_begins_after_the_deadline() -> None:
    begun = 0

    async def count(request: Any, context: Any) -> Empty:
        nonlocal begun
        begun += 1
        return Empty()

    class Late:
        """A context whose deadline has passed."""

        def time_remaining(self) -> float:
            return 0.0

        async def abort(self, code: grpc.StatusCode, details: str, trailing_metadata: Any) -> None:
            raise grpc.aio.AbortError(code.name)

    guarded = Guarded(count, LimitSettings())
    handler = guarded.handlers.service(type("Details", (), {"method": "/recstream.v1.Test/Call"})())
    with pytest.raises(grpc.aio.AbortError, match="DEADLINE_EXCEEDED"):
        asyncio.run(handler.unary_unary(Empty(), Late()))
    assert begun == 0
    assert guarded.count("DEADLINE_EXCEEDED") == 1
