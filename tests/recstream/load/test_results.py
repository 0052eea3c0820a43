from array import array
from collections import Counter

import pytest

from recstream.load.progress import progress_line
from recstream.load.report import remarks
from recstream.load.results import StageResult
from recstream.load.samples import Samples
from recstream.load.schedule import Stage
from recstream.load.settings import Kind


def result_of(*, lags_us: list[int], sent: int = 4, failures: Counter[str] | None = None) -> StageResult:
    result = StageResult(Stage(2.0, rate=2))
    latencies_us = {Kind.RECOMMEND: array("q", [1000, 2000, 3000]), Kind.EVENT: array("q", [9000])}
    samples = Samples(sent, 3, latencies_us, array("q", lags_us), failures or Counter())
    result.add(samples)
    return result


def test_workers_add_up() -> None:
    result = result_of(lags_us=[10, 20])
    result.add(Samples(2, 1, {Kind.EVENT: array("q", [11_000])}, array("q", [5000]), Counter({"no": 1})))
    result.add_cpu(0.5)
    result.add_cpu(0.3)
    assert (result.sent, result.rate, result.failed_share) == (6, 2.0, 1 / 6)
    assert result.percentile_ms(100) == pytest.approx(11, rel=1e-3)
    assert len(result.latencies[Kind.EVENT]) == 2
    assert (result.late_share, result.busiest_cpu) == (1 / 3, 0.25)


def test_a_client_that_was_late_or_busy_is_named() -> None:
    assert result_of(lags_us=[900] * 200).client_was_bottleneck == ""
    late = result_of(lags_us=[900] * 97 + [1500] * 3)
    assert late.client_was_bottleneck == "3.0% of the requests left more than 1 ms late"
    (remark,) = remarks([late])
    assert "at most 1.50 ms" in remark
    busy = result_of(lags_us=[])
    busy.add_cpu(1.9)
    assert busy.client_was_bottleneck == "a worker was busy for 95% of the time"


@pytest.mark.parametrize(
    ("concurrency", "cpu_s", "own"),
    [(1, 0.6, "30%"), (1, 0.1, ""), (2, 0.6, "")],
    ids=["much", "little", "overlapping"],
)
def test_a_client_that_takes_turns_with_the_server_names_its_own_share(
    concurrency: int, cpu_s: float, own: str
) -> None:
    result = StageResult(Stage(2, concurrency=concurrency))
    result.add_cpu(cpu_s)
    wanted = f"with one call at a time, {own} of the time was the client's own" if own else ""
    assert result.client_was_bottleneck == wanted


def test_failures_are_told_by_their_number() -> None:
    told = remarks([result_of(lags_us=[], failures=Counter({"rare": 1, "often": 30}))])
    assert told == ["2/s: 30 failed: often", "2/s: 1 failed: rare"]


def test_reasons_beyond_fifty_share_one() -> None:
    samples = Samples()
    for number in range(80):
        samples.add_failure(f"reason {number % 60}")
    assert len(samples.failures) == 51
    assert samples.failures["other failures"] == 10


def test_the_line_of_progress() -> None:
    line = progress_line("500 requests/s", array("q", [1000] * 99 + [50_000]), 7, 0.5)
    assert line == "500 requests/s: 200/s   p50 1.00 ms   p99 1.49 ms   7 failed"
    assert "p50 nan ms" in progress_line("", array("q"), 0, 1.0)
