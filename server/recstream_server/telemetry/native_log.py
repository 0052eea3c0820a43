"""The calls that failed or took long in the native front, as lines of the log."""

from collections.abc import Iterable

import grpc
from google.rpc.status_pb2 import Status

from recstream_server.telemetry.calls import log_line
from recstream_server.telemetry.logs import shown

_NAMES = {code.value[0]: code.name for code in grpc.StatusCode}


def log_reports(reports: Iterable[tuple[str, int, bool, int, float | None, bytes]]) -> None:
    """Log what `recstream._transport.Front.take_log` returned: a line each, as `CallRecord` writes them."""
    for rpc, number, is_message, count, seconds, status in reports:
        code = _NAMES[number]
        event = "message_failed" if is_message else "call_slow" if code == "OK" else "call_failed"
        problem = shown(Status.FromString(status).message) if status else None
        log_line(event, rpc, code, seconds=seconds, problem=problem, held_back=count - 1)
