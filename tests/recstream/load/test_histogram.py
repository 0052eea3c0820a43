import math

import numpy as np
import pytest
from hdrh.histogram import HdrHistogram

from recstream.load.histogram import Histogram

RANDOM = np.random.default_rng(3)
TIMES_US = (RANDOM.lognormal(7, 2, 30_000)).astype(np.int64)
PERCENTILES = [1, 50, 90, 99, 99.9, 100]


def recorded(times_us: np.ndarray) -> Histogram:
    histogram = Histogram()
    histogram.record(times_us)
    return histogram


def test_percentiles_are_numpys_to_a_thousandth() -> None:
    expected = np.percentile(TIMES_US, [1, 50, 90, 99, 100], method="inverted_cdf") / 1000
    assert recorded(TIMES_US).percentiles_ms([1, 50, 90, 99, 100]) == pytest.approx(list(expected), rel=5e-3)
    assert recorded(TIMES_US).mean_ms() == pytest.approx(TIMES_US.mean() / 1000, rel=2e-3)


def test_merged_parts_are_the_whole() -> None:
    parts = [recorded(part) for part in np.array_split(TIMES_US, [10, 5000, 5000, 20_000])]
    merged = Histogram.merged(parts)
    assert len(merged) == len(TIMES_US)
    assert merged.percentiles_ms(PERCENTILES) == recorded(TIMES_US).percentiles_ms(PERCENTILES)


def test_the_encoded_form_is_that_of_the_library() -> None:
    decoded = HdrHistogram.decode(recorded(TIMES_US).encoded())
    assert decoded.get_total_count() == len(TIMES_US)
    assert decoded.get_value_at_percentile(99) / 1000 == recorded(TIMES_US).percentiles_ms([99])[0]


def test_times_out_of_range_are_counted() -> None:
    histogram = recorded(np.array([-5, 0, 10**13]))
    assert len(histogram) == 3
    assert histogram.percentiles_ms([100])[0] == pytest.approx(3_600_000, rel=1e-3)


def test_an_empty_histogram_knows_nothing() -> None:
    assert math.isnan(Histogram().mean_ms())
    assert all(map(math.isnan, Histogram().percentiles_ms([50, 99])))
