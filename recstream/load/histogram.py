"""High dynamic range histograms of latencies: a fixed size, 0.1% precise from a microsecond to an hour, mergeable."""

from collections.abc import Iterable, Sequence
from typing import Final, Self

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

_LARGEST_US: Final = 3_600_000_000
_DIGITS: Final = 3


class Histogram:
    """Counts of times, given in microseconds and told in milliseconds."""

    def __init__(self) -> None:
        self._counts = HdrHistogram(1, _LARGEST_US, _DIGITS)

    @classmethod
    def merged(cls, parts: Iterable[Self]) -> Self:
        """The histogram of all that the parts hold."""
        whole = cls()
        for part in parts:
            whole._counts.add(part._counts)
        return whole

    def record(self, times_us: NDArray[np.int64]) -> None:
        """Count times, in microseconds; longer ones than an hour count as an hour, negative ones as 0."""
        values, counts = np.unique(np.clip(times_us, 0, _LARGEST_US), return_counts=True)
        for value, count in zip(values.tolist(), counts.tolist(), strict=True):
            self._counts.record_value(value, count)

    def __len__(self) -> int:
        return int(self._counts.get_total_count())

    def percentiles_ms(self, percentiles: Sequence[float]) -> list[float]:
        """The time within which each percentage of the calls was; NaN for an empty histogram."""
        if not len(self):
            return [float("nan")] * len(percentiles)
        values = self._counts.get_percentile_to_value_dict(list(percentiles))
        return [values[percentile] / 1000 for percentile in percentiles]

    def mean_ms(self) -> float:
        """The mean time; NaN for an empty histogram."""
        return float(self._counts.get_mean_value()) / 1000 if len(self) else float("nan")

    def encoded(self) -> str:
        """The histogram in HdrHistogram's own format (V2, compressed, base64), in microseconds."""
        text: str | bytes = self._counts.encode()
        return text if isinstance(text, str) else text.decode()
