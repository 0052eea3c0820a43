from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from recstream.load.schedule import Stage


@given(rate=st.integers(1, 100_000), number=st.integers(0, 10**7))
def test_each_arrival_is_exact_to_the_nanosecond(rate: int, number: int) -> None:
    exact = Fraction(number * 10**9, rate)
    assert abs(Stage(1.0, rate=rate).arrival_ns(number) - exact) <= 1


@given(rate=st.floats(0.5, 5000), seconds=st.floats(0.1, 20), workers=st.integers(1, 9))
def test_workers_share_the_arrivals(rate: float, seconds: float, workers: int) -> None:
    stage = Stage(seconds, rate=rate)
    numbers = sorted(number for worker in range(workers) for number in stage.arrivals_of(worker, workers))
    assert numbers == list(range(stage.arrivals))
    assert abs(stage.arrivals - seconds * rate) <= 1


@given(concurrency=st.integers(0, 200), workers=st.integers(1, 9))
def test_workers_share_the_calls_of_a_closed_loop(concurrency: int, workers: int) -> None:
    shares = [Stage(1.0, concurrency=concurrency).concurrency_of(worker, workers) for worker in range(workers)]
    assert sum(shares) == concurrency
    assert max(shares) - min(shares) <= 1
