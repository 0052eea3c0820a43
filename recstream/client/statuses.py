"""gRPC statuses turned back into the errors of `recstream.errors`."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status

from recstream.errors import (
    AlreadyExistsError,
    DeadlineError,
    FieldViolation,
    InvalidArgumentError,
    NotFoundError,
    OverloadedError,
    RecstreamError,
    StateVersionError,
    UnavailableError,
)

DOMAIN = "recstream"
_DETAILS_KEY = "grpc-status-details-bin"
_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}
_CLASSES: dict[grpc.StatusCode, type[RecstreamError]] = {
    grpc.StatusCode.NOT_FOUND: NotFoundError,
    grpc.StatusCode.ALREADY_EXISTS: AlreadyExistsError,
    grpc.StatusCode.FAILED_PRECONDITION: StateVersionError,
    grpc.StatusCode.UNAVAILABLE: UnavailableError,
    grpc.StatusCode.DEADLINE_EXCEEDED: DeadlineError,
}
_Answer = TypeVar("_Answer")
_Detail = TypeVar("_Detail", bound=Message)


@contextmanager
def translated(target: str) -> Iterator[None]:
    """Raise errors of recstream instead of those of gRPC.

    Parameters
    ----------
    target : str
        The server's address, for the messages.
    """
    try:
        yield
    except grpc.RpcError as error:
        raise error_of_call(error, target) from None


def error_of_call(error: grpc.RpcError, target: str) -> RecstreamError:
    """The error that a failed call stands for."""
    # Both grpc and grpc.aio raise RpcErrors that are calls as well; their common type says nothing of it.
    call: Any = error
    code: grpc.StatusCode = call.code()
    for key, value in call.trailing_metadata() or ():
        if key == _DETAILS_KEY:
            try:
                return error_of_status(Status.FromString(value))
            except DecodeError:
                break
    return _error_without_details(code, call.details() or "", target)


def error_of_status(status: Status) -> RecstreamError:
    """The error that a status with details stands for."""
    code = _BY_NUMBER.get(status.code, grpc.StatusCode.UNKNOWN)
    info = _detail(status, ErrorInfo)
    reason = info.reason if info is not None else code.name
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        bad = _detail(status, BadRequest)
        violations = (
            [FieldViolation(violation.field, violation.description) for violation in bad.field_violations]
            if bad
            else []
        )
        error = InvalidArgumentError(violations or [FieldViolation("request", status.message)])
        error.reason = reason
        return error
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED and info is not None and info.domain == DOMAIN:
        retry = _detail(status, RetryInfo)
        delay_s = retry.retry_delay.ToTimedelta().total_seconds() if retry else 0.1
        return OverloadedError(status.message, retry_after_s=delay_s, reason=reason)
    return _CLASSES.get(code, RecstreamError)(status.message, reason=reason)


def results_of(entries: Iterable[tuple[_Answer, Status]]) -> list[_Answer | RecstreamError]:
    """What came of each entry of a batch, given its answer and its error, of which one is set."""
    return [error_of_status(error) if error.code else answer for answer, error in entries]


def _error_without_details(code: grpc.StatusCode, message: str, target: str) -> RecstreamError:
    """Statuses that gRPC made itself, or a server that is not recstream."""
    if code is grpc.StatusCode.UNAVAILABLE:
        return UnavailableError(
            f"no server can be reached at {target}; check that it runs there and which TLS it wants ({message})"
        )
    if code is grpc.StatusCode.DEADLINE_EXCEEDED:
        return DeadlineError(
            f"no answer from {target} before the deadline; check the server, or give timeout_s more time"
        )
    if code is grpc.StatusCode.UNIMPLEMENTED:
        return RecstreamError(f"the server at {target} does not know this call ({message})", reason=code.name)
    if code is grpc.StatusCode.INVALID_ARGUMENT:
        return InvalidArgumentError([FieldViolation("request", message)])
    return _CLASSES.get(code, RecstreamError)(f"{target}: {message}", reason=code.name)


def _detail(status: Status, kind: type[_Detail]) -> _Detail | None:
    for packed in status.details:
        if packed.Is(kind.DESCRIPTOR):
            detail = kind()
            packed.Unpack(detail)
            return detail
    return None
