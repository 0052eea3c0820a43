"""The calls that end in the native front, added to those that end in Python."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import TypeAlias

import grpc
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

NativeCounts: TypeAlias = "Sequence[tuple[str, list[int], list[int], dict[str, int], list[int], float]]"
"""As `recstream._transport.Front.counts` returns them."""

_Key: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]

_CODES = sorted(grpc.StatusCode, key=lambda code: code.value[0])


class MergedCalls(Collector):
    """Families of metrics, each sample with what the native front adds to it.

    Parameters
    ----------
    families : sequence of Collector
        The counters of calls and of stream messages, and the histogram of call times.
    read : callable
    bounds : sequence of float
        Of the histogram's buckets but the last.
    """

    def __init__(
        self, families: Sequence[Collector], read: Callable[[], NativeCounts], bounds: Sequence[float]
    ) -> None:
        self._families = families
        self._read = read
        self._bounds = [*map(floatToGoString, bounds), "+Inf"]

    def collect(self) -> Iterator[Metric]:
        """All families, and what was passed on to Python."""
        counts = self._read()
        native = dict(self._samples(counts))
        for family in self._families:
            for metric in family.collect():
                yield _merged(metric, native)
        forwarded = CounterMetricFamily(
            "recstream_forwarded",
            "Calls and stream messages that the native front passed on to Python, by RPC and reason.",
            labels=["rpc", "reason"],
        )
        for rpc, _, _, reasons, _, _ in counts:
            for reason, count in reasons.items():
                if count:
                    forwarded.add_metric([rpc, reason], count)
        yield forwarded

    def _samples(self, counts: NativeCounts) -> Iterator[tuple[_Key, float]]:
        for rpc, calls, messages, _, took, seconds in counts:
            yield from _by_code("recstream_calls_total", rpc, calls)
            yield from _by_code("recstream_stream_messages_total", rpc, messages)
            if any(took):
                for bound, count in zip(self._bounds, accumulate(took), strict=True):
                    yield _key("recstream_call_seconds_bucket", rpc=rpc, le=bound), count
                yield _key("recstream_call_seconds_count", rpc=rpc), sum(took)
                yield _key("recstream_call_seconds_sum", rpc=rpc), seconds


def _by_code(name: str, rpc: str, counts: Iterable[int]) -> Iterator[tuple[_Key, float]]:
    for code, count in zip(_CODES, counts, strict=True):
        if count:
            yield _key(name, rpc=rpc, code=code.name), count


def _key(name: str, **labels: str) -> _Key:
    return name, tuple(sorted(labels.items()))


def _merged(metric: Metric, native: dict[_Key, float]) -> Metric:
    samples = {_key(sample.name, **sample.labels): sample.value for sample in metric.samples}
    for key, value in native.items():
        if key[0].startswith(metric.name):
            samples[key] = samples.get(key, 0) + value
    merged = Metric(metric.name, metric.documentation, metric.type)
    for (name, labels), value in samples.items():
        merged.add_sample(name, dict(labels), value)
    return merged
