"""The only place that knows gRPC status codes: turns errors into statuses, with details that programs can read."""

from collections.abc import Iterable, Iterator
from typing import Any, NoReturn

import grpc
import structlog
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
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

_CODES: dict[type[RecstreamError], grpc.StatusCode] = {
    InvalidArgumentError: grpc.StatusCode.INVALID_ARGUMENT,
    NotFoundError: grpc.StatusCode.NOT_FOUND,
    AlreadyExistsError: grpc.StatusCode.ALREADY_EXISTS,
    StateVersionError: grpc.StatusCode.FAILED_PRECONDITION,
    OverloadedError: grpc.StatusCode.RESOURCE_EXHAUSTED,
    UnavailableError: grpc.StatusCode.UNAVAILABLE,
    DeadlineError: grpc.StatusCode.DEADLINE_EXCEEDED,
}
_BY_NUMBER = {code.value[0]: code for code in grpc.StatusCode}
_DETAILS_KEY = "grpc-status-details-bin"

# Details travel as a header, encoded to 4/3 of their size; clients refuse headers above 8 KiB in all.
_MAX_VIOLATION_BYTES = 3072
_MAX_MESSAGE_CHARACTERS = 512

_LOGGER = structlog.get_logger(__name__)


def status_of(error: Exception) -> Status:
    """The status of an error; one that nobody foresaw is logged, and the client learns nothing of it."""
    code = _CODES.get(type(error)) if isinstance(error, RecstreamError) else None
    if code is None or not isinstance(error, RecstreamError):
        _LOGGER.error("unexpected_error", exc_info=error)
        return _status(grpc.StatusCode.INTERNAL, "the server failed; its log says why", "INTERNAL", ())
    if isinstance(error, InvalidArgumentError):
        violations = tuple(_fitting(error.violations))
        return _status(code, _summary(violations), error.reason, [_bad_request(violations)])
    details = [RetryInfo(retry_delay=_duration(error.retry_after_s))] if isinstance(error, OverloadedError) else []
    return _status(code, str(error), error.reason, details)


def code_name(status: Status) -> str:
    """Name of a status's code, for metrics and logs."""
    return _BY_NUMBER[status.code].name


async def abort(context: grpc.aio.ServicerContext[Any, Any], status: Status) -> NoReturn:
    """End a call with a status."""
    details = ((_DETAILS_KEY, status.SerializeToString()),)
    await context.abort(_BY_NUMBER[status.code], status.message, details)


def _status(code: grpc.StatusCode, message: str, reason: str, details: Iterable[Message]) -> Status:
    status = Status(code=code.value[0], message=message[:_MAX_MESSAGE_CHARACTERS])
    for detail in (ErrorInfo(reason=reason, domain=DOMAIN), *details):
        status.details.add().Pack(detail)
    return status


def _bad_request(violations: Iterable[FieldViolation]) -> BadRequest:
    return BadRequest(
        field_violations=[
            BadRequest.FieldViolation(field=field, description=description) for field, description in violations
        ]
    )


def _fitting(violations: tuple[FieldViolation, ...]) -> Iterator[FieldViolation]:
    """As many violations as a header holds, and a last one that counts the others."""
    size = 0
    for position, violation in enumerate(violations):
        size += len(violation.field.encode()) + len(violation.description.encode()) + 8
        if size > _MAX_VIOLATION_BYTES and position > 0:
            yield FieldViolation("", f"and {len(violations) - position} more fields at fault")
            return
        yield violation


def _summary(violations: tuple[FieldViolation, ...]) -> str:
    field, description = violations[0]
    others = f" (and {len(violations) - 1} more fields)" if len(violations) > 1 else ""
    return f"{field}: {description}{others}" if field else description


def _duration(seconds: float) -> Duration:
    duration = Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration
