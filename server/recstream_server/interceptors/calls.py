"""Wraps every handler of the server, so that each call is admitted, measured, logged and ended with a proper status.

These are functions around handlers and not `grpc.aio.ServerInterceptor` objects: those run for each call just to find
the handler, and cannot keep a request that does not parse from being answered with UNKNOWN and the parser's own words.
"""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from google.rpc.status_pb2 import Status

from recstream.errors import DeadlineError, FieldViolation, InvalidArgumentError
from recstream_server.draining import Draining, draining_error
from recstream_server.interceptors import errors
from recstream_server.interceptors.admission import Admission
from recstream_server.rpc_context import Context
from recstream_server.telemetry.calls import CallRecord, CallRecords

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Behaviour = Callable[[Any, Context], Awaitable[Any]]


class GuardedHandlers(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs only
    """Collects the handlers of services, wrapped: the generated ``add_..._to_server`` functions take it for a server.

    Parameters
    ----------
    admission : Admission
        For the services of recstream.
    foreign_admission : Admission
        For those of grpcio: health and reflection.
    draining : Draining
    records : CallRecords
    """

    def __init__(
        self, admission: Admission, foreign_admission: Admission, draining: Draining, records: CallRecords
    ) -> None:
        self._admission = admission
        # Counted apart: a flood of calls must not make health checks fail.
        self._foreign_admission = foreign_admission
        self._draining = draining
        self._records = records
        self._handlers: dict[str, Handler] = {}

    def add_registered_method_handlers(self, service: str, handlers: Mapping[str, Handler]) -> None:
        """Take a service's handlers."""
        for method, handler in handlers.items():
            self._handlers[f"/{service}/{method}"] = self._guarded(f"{service}/{method}", handler)

    def add_generic_rpc_handlers(self, handlers: object) -> None:
        """Nothing: generated code hands over the same handlers a second time, in this form."""

    def service(self, handler_call_details: grpc.HandlerCallDetails) -> "Handler | None":
        """Find the handler of a call."""
        return self._handlers.get(handler_call_details.method)

    def _guarded(self, rpc: str, handler: Any) -> Handler:
        record = self._records.of_rpc(rpc)
        admission = self._admission if rpc.startswith("recstream.") else self._foreign_admission
        parse, pack = handler.request_deserializer, handler.response_serializer
        if not handler.response_streaming:
            call = _guard_call(handler.unary_unary, admission, record)
            return grpc.unary_unary_rpc_method_handler(call, _parse_or_error(parse), pack)
        behaviour = handler.stream_stream if handler.request_streaming else handler.unary_stream
        if not rpc.startswith("recstream."):
            # Our own streams end themselves when the server drains; these must be made to.
            behaviour = _ended_by_drain(behaviour, self._draining)
        stream = _guard_stream(behaviour, admission, record)
        if handler.request_streaming:
            return grpc.stream_stream_rpc_method_handler(stream, _parse_or_raise(parse), pack)
        return grpc.unary_stream_rpc_method_handler(stream, _parse_or_error(parse), pack)


def _guard_call(behaviour: Behaviour, admission: Admission, record: CallRecord) -> Behaviour:
    async def guarded(request: Any, context: Context) -> Any:
        started = time.perf_counter()
        try:
            admission.enter_call()
            try:
                _check_begin(request, context)
                response = await behaviour(request, context)
            finally:
                admission.leave_call()
        except BaseException as error:  # noqa: BLE001 - `_fail` raises it, or what stands for it
            await _fail(error, context, record, started)
        record.ended("OK", time.perf_counter() - started)
        return response

    return guarded


def _guard_stream(behaviour: Behaviour, admission: Admission, record: CallRecord) -> Behaviour:
    async def guarded(request: Any, context: Context) -> None:
        try:
            admission.enter_stream()
            try:
                _check_begin(request, context)
                await behaviour(request, context)
            finally:
                admission.leave_stream()
        except BaseException as error:  # noqa: BLE001 - as above
            await _fail(error, context, record, None)
        record.ended("OK", None)

    return guarded


def _check_begin(request: Any, context: Context) -> None:
    """No work begins for a request that does not parse, or whose caller has stopped waiting."""
    if isinstance(request, Exception):
        raise request
    if context.time_remaining() == 0:
        raise expired()


def expired() -> DeadlineError:
    """What ends a call whose deadline passed before it was begun."""
    return DeadlineError("the deadline passed before the call was begun")


async def _fail(error: BaseException, context: Context, record: CallRecord, started: float | None) -> NoReturn:
    """Record the end of a call that failed, and send its status."""
    seconds = None if started is None else time.perf_counter() - started
    if isinstance(error, grpc.aio.AbortError):
        record.ended(context.code().name, seconds, error)
        raise error
    if not isinstance(error, Exception) or isinstance(error, grpc.aio.BaseError):
        # The caller cancelled, or is gone: there is nobody to answer.
        record.ended("DEADLINE_EXCEEDED" if context.time_remaining() == 0 else "CANCELLED", seconds, error)
        raise error
    status = errors.status_of(error)
    record.ended(errors.code_name(status), seconds, error)
    await errors.abort(context, status)


def message_failed(error: Exception, record: CallRecord) -> Status:
    """Record that a message of a stream failed; the status that answers it."""
    status = errors.status_of(error)
    record.message(errors.code_name(status), error)
    return status


def _ended_by_drain(behaviour: Callable[[Any, Context], Any], draining: Draining) -> Behaviour:
    async def run(request: Any, context: Context) -> None:
        if inspect.isasyncgenfunction(behaviour):
            async for response in behaviour(request, context):
                await context.write(response)
        else:
            await behaviour(request, context)

    async def ended(request: Any, context: Context) -> None:
        inner = asyncio.ensure_future(run(request, context))
        with draining.on_start(inner.cancel):
            try:
                await inner
            except asyncio.CancelledError:
                if draining.started and inner.cancelled():
                    raise draining_error() from None
                raise

    return ended


def _parse_or_raise(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    def parsed(data: bytes) -> Any:
        try:
            return parse(data)
        except DecodeError:
            raise InvalidArgumentError([FieldViolation("", "the message does not parse as its type")]) from None

    return parsed


def _parse_or_error(parse: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """For requests that are parsed before the handler is called: it then gets the error in place of the request."""
    parse = _parse_or_raise(parse)

    def parsed(data: bytes) -> Any:
        try:
            return parse(data)
        except InvalidArgumentError as error:
            return error

    return parsed
