"""Percentiles against arithmetic, on servers whose delays are known. Delays are large, as the machine may be busy."""

import threading
import time
from typing import Any

import pytest
from driven_load import answer_of, drive

from recstream.load.schedule import Stage

STALL_S = 1.5
RATE = 100


class Stalling:
    """Answers at once, except that from the 30th call on nothing is answered for `STALL_S`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls = 0
        self._until = 0.0

    def recommend(self, request: Any, context: Any) -> Any:
        with self._lock:
            self._calls += 1
            if self._calls == 30:
                self._until = time.monotonic() + STALL_S
        time.sleep(max(0.0, self._until - time.monotonic()))
        return answer_of(10)


def test_one_slow_call_in_fifty_is_the_98th_percentile(serve_slowly) -> None:
    lock, calls = threading.Lock(), iter(range(10**6))

    def recommend(request: Any, context: Any) -> Any:
        with lock:
            number = next(calls)
        if number % 50 == 25:
            time.sleep(0.8)
        return answer_of(10)

    result = drive(serve_slowly(RecommendItems=recommend), Stage(2.0, rate=100), processes=2, connections=2)
    assert (result.sent, result.failed) == (200, 0)
    assert result.percentile_ms(96) < 700
    assert 800 <= result.percentile_ms(98.5) < 1300
    assert len(result.histogram()) == 200


def test_an_open_loop_sees_a_stall_in_every_call_that_came_during_it(serve_slowly) -> None:
    stage = Stage(4.0, rate=RATE)
    target = serve_slowly(RecommendItems=Stalling().recommend)
    result = drive(target, stage, processes=2, connections=4)
    assert (result.sent, result.failed) == (stage.arrivals, 0)
    # RATE * STALL_S calls come while nothing is answered, evenly, so the slowest share f waits STALL_S - f * N / RATE.
    for percentile in (99, 90, 80):
        slowest = (1 - percentile / 100) * stage.arrivals
        expected_ms = 1000 * (STALL_S - slowest / RATE)
        assert result.percentile_ms(percentile) == pytest.approx(expected_ms, abs=350)
    assert result.percentile_ms(50) < 500


def test_a_closed_loop_hides_the_same_stall(serve_slowly) -> None:
    result = drive(serve_slowly(RecommendItems=Stalling().recommend), Stage(3.0, concurrency=1))
    assert result.failed == 0
    assert result.sent > 20
    assert result.percentile_ms(100) >= 1000 * STALL_S
    assert result.percentile_ms(90) < 350  # an open loop's is above 900


def test_latency_runs_from_the_schedule_even_when_calls_queue_for_a_stream(serve_slowly) -> None:
    def recommend(request: Any, context: Any) -> Any:
        time.sleep(0.5)
        return answer_of(10)

    # One call at a time and 0.5 s each, 4 a second are due: call n waits for n before it, so n * 0.25 s and 0.5 s.
    target = serve_slowly(RecommendItems=recommend, options=(("grpc.max_concurrent_streams", 1),))
    result = drive(target, Stage(2.0, rate=4), timeout_s=20.0)
    assert (result.sent, result.failed) == (8, 0)
    assert 0.5 + 7 * 0.25 <= result.percentile_ms(100) / 1000 < 0.5 + 7 * 0.25 + 1.0
    assert result.in_time < 5
