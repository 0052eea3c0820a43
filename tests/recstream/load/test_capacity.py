from hypothesis import given
from hypothesis import strategies as st

from recstream.load.capacity import find_capacity


@given(limit=st.floats(1, 900_000), start=st.floats(1, 100_000))
def test_the_rate_found_holds_and_one_a_twentieth_above_fails(limit: float, start: float) -> None:
    tried: list[float] = []

    def meets(rate: float) -> bool:
        tried.append(rate)
        return rate <= limit

    found = find_capacity(meets, start)
    assert limit / 1.05 <= found <= limit
    assert found in tried
    assert len(tried) <= 30


def test_a_server_that_never_meets_the_target_has_none() -> None:
    assert find_capacity(lambda rate: False, 100) == 0


def test_a_server_that_always_does_is_not_tried_for_ever() -> None:
    assert find_capacity(lambda rate: True, 100) >= 1_000_000
