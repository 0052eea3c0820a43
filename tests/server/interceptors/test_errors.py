"""Every error of the tree becomes one status, and nothing of the inside gets out."""

import grpc
import pytest
import structlog
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from recstream_server.interceptors.errors import code_name, status_of

from recstream import errors

CODES = {
    errors.NotFoundError("x"): "NOT_FOUND",
    errors.AlreadyExistsError("x"): "ALREADY_EXISTS",
    errors.StateVersionError("x"): "FAILED_PRECONDITION",
    errors.OverloadedError("x"): "RESOURCE_EXHAUSTED",
    errors.UnavailableError("x"): "UNAVAILABLE",
    errors.DeadlineError("x"): "DEADLINE_EXCEEDED",
    errors.InvalidArgumentError([errors.FieldViolation("f", "is bad")]): "INVALID_ARGUMENT",
}


def detail(status: Status, kind: type) -> object | None:
    for packed in status.details:
        found = kind()
        if packed.Unpack(found):
            return found
    return None


@pytest.mark.parametrize(("error", "code"), CODES.items())
def test_code_and_reason(error: errors.RecstreamError, code: str) -> None:
    status = status_of(error)
    assert code_name(status) == code
    assert status.code == getattr(grpc.StatusCode, code).value[0]
    assert detail(status, ErrorInfo) == ErrorInfo(reason=error.reason, domain="recstream")


def test_a_reason_of_its_own() -> None:
    status = status_of(errors.NotFoundError("x", reason="ITEM_NOT_FOUND"))
    assert detail(status, ErrorInfo) == ErrorInfo(reason="ITEM_NOT_FOUND", domain="recstream")


def test_overload_says_when_to_try_again() -> None:
    retry = detail(status_of(errors.OverloadedError("x", retry_after_s=1.25)), RetryInfo)
    assert isinstance(retry, RetryInfo)
    assert (retry.retry_delay.seconds, retry.retry_delay.nanos) == (1, 250_000_000)


def test_violations_are_listed() -> None:
    violations = [errors.FieldViolation("a.b", "is bad"), errors.FieldViolation("c[3]", "is worse")]
    status = status_of(errors.InvalidArgumentError(violations))
    request = detail(status, BadRequest)
    assert isinstance(request, BadRequest)
    assert [(one.field, one.description) for one in request.field_violations] == violations
    assert status.message == "a.b: is bad (and 1 more fields)"


@pytest.mark.parametrize("count", [100, 11_000])
def test_a_status_fits_into_the_headers_that_clients_accept(count: int) -> None:
    violations = [errors.FieldViolation(f"item_ids[{number}]", "is bad, " * 12) for number in range(count)]
    status = status_of(errors.InvalidArgumentError(violations))
    # Base64 of the details, and the message once more as a header of its own, percent-encoded at worst.
    assert len(status.SerializeToString()) * 4 / 3 + 3 * len(status.message.encode()) < 8 * 1024
    request = detail(status, BadRequest)
    assert isinstance(request, BadRequest)
    listed = len(request.field_violations) - 1
    assert listed > 10
    assert request.field_violations[-1].description == f"and {count - listed} more fields at fault"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("secret"),
        KeyError("secret"),
        errors.BundleError("secret", "secret"),
        errors.RecstreamError("secret"),
    ],
)
def test_what_nobody_foresaw_is_logged_and_not_told(error: Exception) -> None:
    with structlog.testing.capture_logs() as logs:
        status = status_of(error)
    assert code_name(status) == "INTERNAL"
    assert "secret" not in str(status)
    assert [(entry["event"], entry["exc_info"]) for entry in logs] == [("unexpected_error", error)]
