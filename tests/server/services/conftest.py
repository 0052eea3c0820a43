"""Short ways to ask a server, on its Python and on its native front."""

import itertools
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.rpc.error_details_pb2 import BadRequest, ErrorInfo, RetryInfo
from google.rpc.status_pb2 import Status
from grpc_status import rpc_status

from recstream.v1 import types_pb2 as types

FRONTS = ["python"] if find_spec("recstream._transport") is None else ["python", "native"]
DETAILS = {"type.googleapis.com/google.rpc." + kind.__name__: kind for kind in (BadRequest, ErrorInfo, RetryInfo)}


@pytest.fixture(scope="session", params=FRONTS)
def server(
    request: pytest.FixtureRequest,
    bundle_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    server_process: Callable[..., Any],
) -> Any:
    """One server on each front, for all tests that leave it as it is; give each test users of its own."""
    state = tmp_path_factory.mktemp("state")
    return server_process("--bundle", str(bundle_path), "--state", str(state), "--transport", request.param)


class Fault:
    """A status with its details taken apart."""

    def __init__(self, status: Status) -> None:
        self.code = next(code for code in grpc.StatusCode if code.value[0] == status.code)
        self.message = status.message
        self.reason = ""
        self.fields: list[str] = []
        self.retry_after_s: float | None = None
        for packed in status.details:
            detail = DETAILS[packed.type_url].FromString(packed.value)
            if isinstance(detail, ErrorInfo):
                assert detail.domain == "recstream"
                self.reason = detail.reason
            elif isinstance(detail, BadRequest):
                self.fields = [violation.field for violation in detail.field_violations]
            else:
                self.retry_after_s = detail.retry_delay.ToNanoseconds() / 1e9


@pytest.fixture(scope="session")
def fault_of() -> Callable[..., Fault]:
    """The fault that a call ends with, or that a status says."""

    def of(call: Callable[[], Any] | Status) -> Fault:
        if isinstance(call, Status):
            return Fault(call)
        with pytest.raises(grpc.RpcError) as caught:
            call()
        status = rpc_status.from_call(caught.value)
        assert status is not None, f"no details: {caught.value}"
        return Fault(status)

    return of


@pytest.fixture(scope="session")
def click() -> Callable[..., types.UserEvent]:
    def event(user_id: str, item_id: str, **fields: Any) -> types.UserEvent:
        return types.UserEvent(**({"user_id": user_id, "item_id": item_id, "event_type": "click"} | fields))

    return event


@pytest.fixture(scope="session")
def new_user() -> Callable[[], str]:
    """Names of users that no other test has."""
    numbers: Iterator[int] = itertools.count()
    return lambda: f"newcomer-{next(numbers)}"
