"""The numbers that the server publishes for Prometheus. docs/server.md lists them."""

from collections import Counter as Tally
from collections.abc import Callable, Iterable, Mapping

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)

from recstream_server.telemetry.native_calls import MergedCalls, NativeCounts
from recstream_server.telemetry.steps import Steps

# Without it there is a second series beside each counter, with the time it was made.
disable_created_metrics()  # type: ignore[no-untyped-call]

CALL_SECONDS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10)
_EVENTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)


class Metrics:
    """All metrics of one server, in a registry of its own.

    Parameters
    ----------
    slow_step_ms : float
        As `Steps` takes it.

    Attributes
    ----------
    steps : Steps
        The times of the work beside calls.
    """

    def __init__(self, *, slow_step_ms: float = 100.0) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        GCCollector(registry=self.registry)
        self.steps = Steps(slow_step_ms)
        self.registry.register(self.steps)
        self._calls = self._counter("calls", "Calls ended, by RPC and status code.", "rpc", "code")
        self._messages = self._counter(
            "stream_messages", "Stream messages answered, by RPC and status code.", "rpc", "code"
        )
        self._seconds = Histogram(
            "recstream_call_seconds",
            "Time from a call's start to its end; unary calls.",
            ["rpc"],
            buckets=CALL_SECONDS,
            registry=self.registry,
        )
        self._commit_events = Histogram(
            "recstream_commit_events", "Events of one commit to the log.", buckets=_EVENTS, registry=self.registry
        )
        self._events = self._counter(
            "events", "Events answered, by result: stored, duplicate, or the reason of the error.", "result"
        )
        self._encoded = self._counter(
            "encoded_users", "Users encoded, by what made it necessary (event or query) and result.", "when", "result"
        )

    def of_rpc(self, rpc: str) -> "RpcMetrics":
        """The metrics of one RPC."""
        return RpcMetrics(rpc, self._calls, self._messages, self._seconds)

    def commit(self, results: Iterable[str]) -> None:
        """Count one commit's events, given what became of each."""
        counts = Tally(results)
        for result, count in counts.items():
            self._events.labels(result).inc(count)
        self._commit_events.observe(counts.total())

    def encoded(self, when: str, result: str, users: int) -> None:
        """Count users that were encoded, or should have been."""
        self._encoded.labels(when, result).inc(users)

    def model(self, name: str, version: str) -> None:
        """Tell which model is being served."""
        Info("recstream_model", "The model that is being served.", registry=self.registry).info(
            {"name": name, "version": version}
        )

    def add_native(self, read: Callable[[], NativeCounts]) -> None:
        """Count the calls that end in the native front as well, which `read` tells of."""
        families = (self._calls, self._messages, self._seconds)
        for family in families:
            self.registry.unregister(family)
        self.registry.register(MergedCalls(families, read, CALL_SECONDS))

    def publish(self, gauges: Mapping[str, tuple[str, Callable[[], float]]]) -> None:
        """Publish numbers that are read when somebody asks: a description and a function for each name."""
        for name, (description, read) in gauges.items():
            Gauge(f"recstream_{name}", description, registry=self.registry).set_function(read)

    def _counter(self, name: str, description: str, *labels: str) -> Counter:
        return Counter(f"recstream_{name}", description, labels, registry=self.registry)


class RpcMetrics:
    """The metrics of one RPC, cheap enough for every call: label lookups happen once a code."""

    def __init__(self, rpc: str, calls: Counter, messages: Counter, seconds: Histogram) -> None:
        self._rpc = rpc
        self._families = {True: calls, False: messages}
        self._counters: dict[tuple[bool, str], Counter] = {}
        self._seconds = seconds
        self._of_calls: Histogram | None = None

    def call(self, code: str, seconds: float | None = None) -> None:
        """Count the end of a call; `seconds` for unary ones."""
        self._count(code, is_call=True)
        if seconds is not None:
            if self._of_calls is None:
                self._of_calls = self._seconds.labels(self._rpc)
            self._of_calls.observe(seconds)

    def message(self, code: str) -> None:
        """Count the answer to a message of a stream."""
        self._count(code, is_call=False)

    def _count(self, code: str, *, is_call: bool) -> None:
        counter = self._counters.get((is_call, code))
        if counter is None:
            counter = self._counters[is_call, code] = self._families[is_call].labels(self._rpc, code)
        counter.inc()
