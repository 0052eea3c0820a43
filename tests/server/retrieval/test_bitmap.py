import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from recstream_server.retrieval.bitmap import bitmap_of, holds, rows_in, without


@settings(max_examples=100, derandomize=True)
@given(size=st.integers(0, 300), asked=st.lists(st.integers(0, 500)), seed=st.integers(0, 2**32 - 1))
def test_a_bitmap_is_a_set_of_rows(size: int, asked: list[int], seed: int) -> None:
    members = np.random.default_rng(seed).random(size) < 0.5
    bitmap, rows = bitmap_of(members), np.array(asked, np.int64)
    expected = set(np.flatnonzero(members).tolist())
    assert (bitmap.dtype, len(bitmap)) == (np.uint64, (size + 63) // 64)
    assert rows_in(bitmap).tolist() == sorted(expected)
    assert holds(bitmap, rows).tolist() == [row in expected for row in asked]
    assert rows_in(without(bitmap, rows)).tolist() == sorted(expected - set(asked))
    assert rows_in(bitmap).tolist() == sorted(expected)
