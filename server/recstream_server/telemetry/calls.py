"""Counts and logs the end of every call."""

import structlog

from recstream_server.settings import LogSettings
from recstream_server.telemetry.logs import LogLimit, shown
from recstream_server.telemetry.metrics import Metrics, RpcMetrics

_SERVER_FAULTS = frozenset({"INTERNAL", "UNKNOWN", "UNAVAILABLE", "RESOURCE_EXHAUSTED", "DATA_LOSS", "UNIMPLEMENTED"})

_LOGGER = structlog.get_logger(__name__)


class CallRecords:
    """Makes the record of each RPC.

    Parameters
    ----------
    metrics : Metrics
    settings : LogSettings
    """

    def __init__(self, metrics: Metrics, settings: LogSettings) -> None:
        self._metrics = metrics
        self._settings = settings
        self._limit = LogLimit()

    def of_rpc(self, rpc: str) -> "CallRecord":
        """The record of one RPC, ``package.Service/Method``."""
        return CallRecord(rpc, self._metrics.of_rpc(rpc), self._settings, self._limit)


class CallRecord:
    """Where the ends of one RPC's calls and stream messages are noted.

    Calls that fail by the server's fault are logged as warnings, those that fail by the caller's and slow ones as
    information, each kind once a second at most, or a flood of calls would be a flood of lines. The level debug shows
    all.
    """

    def __init__(self, rpc: str, metrics: RpcMetrics, settings: LogSettings, limit: LogLimit) -> None:
        self._rpc = rpc
        self._metrics = metrics
        self._slow_s = settings.slow_call_ms / 1000
        self._debug = settings.level == "debug"
        self._limit = limit

    def ended(self, code: str, seconds: float | None, error: BaseException | None = None) -> None:
        """Note the end of a call; `seconds` for unary ones."""
        self._metrics.call(code, seconds)
        slow = seconds is not None and seconds > self._slow_s
        if self._debug:
            _LOGGER.debug("call", rpc=self._rpc, code=code, seconds=seconds, problem=_problem(error))
        elif slow or code not in ("OK", "CANCELLED"):
            self._report("call_slow" if code == "OK" else "call_failed", code, seconds, error)

    def message(self, code: str, error: Exception | None = None) -> None:
        """Note the answer to a message of a stream."""
        self._metrics.message(code)
        if error is not None:
            self._report("message_failed", code, None, error)

    def _report(self, event: str, code: str, seconds: float | None, error: BaseException | None) -> None:
        held_back = self._limit.passes((event, self._rpc, code))
        if held_back is not None:
            log_line(event, self._rpc, code, seconds=seconds, problem=_problem(error), held_back=held_back)


def log_line(event: str, rpc: str, code: str, *, seconds: float | None, problem: str | None, held_back: int) -> None:
    """Log calls or messages that ended alike; `held_back` of them, besides the one shown."""
    log = _LOGGER.warning if code in _SERVER_FAULTS else _LOGGER.info
    details = {"seconds": seconds, "problem": problem, "held_back": held_back or None}
    log(event, rpc=rpc, code=code, **{name: value for name, value in details.items() if value is not None})


def _problem(error: BaseException | None) -> str | None:
    return None if error is None else shown(str(error))
