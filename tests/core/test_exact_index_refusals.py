"""What ExactIndex refuses: never a cast, never a guess, and always by name."""

import gc
import os
import subprocess
import sys
import weakref
from collections.abc import Callable

import numpy as np
import pytest

from recstream import _core


class Array(np.ndarray):
    """An array that can be watched as it goes."""


def index_of(rows: int = 4, dimension: int = 3, **options: object) -> _core.ExactIndex:
    return _core.ExactIndex(np.ones((rows, dimension), np.float32), **options)


@pytest.mark.parametrize(
    "vectors",
    [
        np.ones((2, 2)),
        np.ones((2, 2), np.int32),
        np.ones((2, 2), ">f4"),
        np.ones((2, 3), np.float32, order="F"),
        np.ones((4, 4), np.float32)[::2],
        np.ones(3, np.float32),
        np.ones((1, 1, 1), np.float32),
        np.frombuffer(bytes(17), np.uint8)[1:].view(np.float32).reshape(2, 2),
        [[1.0, 2.0]],
        None,
    ],
)
def test_vectors_of_another_type_or_order_are_refused(vectors: object) -> None:
    with pytest.raises(TypeError, match="vectors must be a C-contiguous array of float32 with 2 dimensions, got"):
        _core.ExactIndex(vectors)
    with pytest.raises(TypeError, match="queries must be"):
        index_of().search(vectors, 1)
    with pytest.raises(TypeError, match="vectors must be"):
        index_of().upsert(np.array([0]), vectors)


@pytest.mark.parametrize("dimension", [0, 2049])
def test_dimensions_out_of_range_are_refused(dimension: int) -> None:
    with pytest.raises(ValueError, match=f"1 to 2048 dimensions, got {dimension}"):
        index_of(2, dimension)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused_with_their_row(bad: float) -> None:
    vectors = np.ones((2000, 9), np.float32)
    vectors[1234, 8] = bad
    with pytest.raises(ValueError, match="row 1234 is not finite"):
        _core.ExactIndex(vectors)
    index = index_of(2000, 9)
    with pytest.raises(ValueError, match="queries: row 1234 is not finite"):
        index.search(vectors, 1)
    with pytest.raises(ValueError, match="row 1234 is not finite"):
        index.upsert(np.arange(2000), vectors)
    assert (index.search(np.ones((1, 9), np.float32), 1)[0] == 9).all()


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(k: int) -> None:
    with pytest.raises(ValueError, match=f"k must be at least 1, got {k}"):
        index_of().search(np.ones((1, 3), np.float32), k)


def test_k_beyond_memory_is_an_error() -> None:
    with pytest.raises(MemoryError):
        index_of().search(np.ones((2, 3), np.float32), 2**62)


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"exclude": [np.array([1])]}, ValueError, "exclude must have one array for each of the 2 queries, got 1"),
        ({"exclude": 1}, TypeError, "not iterable"),
        ({"exclude": np.zeros(2, np.int64)}, TypeError, "exclude must be a C-contiguous array of int64"),
        ({"exclude": [np.array([1]), [1]]}, TypeError, "exclude must be a C-contiguous array of int64"),
        ({"exclude": [np.array([1]), np.array([1], np.int32)]}, TypeError, "got dtype int32"),
        ({"allow": np.ones(1, bool)}, TypeError, "allow must be a C-contiguous array of uint64"),
        ({"allow": np.ones((3, 1), np.uint64)}, ValueError, "one row for each of the 2 queries, got 3"),
        ({"allow": np.ones(0, np.uint64)}, ValueError, "allow must have at least 1 words for 4 rows, got 0"),
        ({"allow": np.ones((2, 0), np.uint64)}, ValueError, "allow must have at least 1 words"),
    ],
)
def test_exclusions_and_bitmaps_that_do_not_fit_are_refused(
    arguments: dict[str, object], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        index_of().search(np.ones((2, 3), np.float32), 1, **arguments)


def test_queries_of_another_dimension_are_refused() -> None:
    with pytest.raises(ValueError, match="queries must have 3 dimensions, got 4"):
        index_of().search(np.ones((1, 4), np.float32), 1)


@pytest.mark.parametrize(
    ("rows", "shape", "message"),
    [
        ([4, 6], (2, 3), "rows: 6 would leave a gap; the next new row is 5"),
        ([5], (1, 3), "rows: 5 would leave a gap; the next new row is 4"),
        ([-1], (1, 3), "rows: -1 is negative"),
        ([0], (2, 3), r"shape \(1, 3\), one for each of rows, got \(2, 3\)"),
        ([0], (1, 4), r"shape \(1, 3\)"),
    ],
)
def test_upserts_that_do_not_fit_are_refused_and_change_nothing(
    rows: list[int], shape: tuple[int, int], message: str
) -> None:
    index = index_of()
    with pytest.raises(ValueError, match=message):
        index.upsert(np.array(rows), np.full(shape, 7, np.float32))
    scores, found = index.search(np.ones((1, 3), np.float32), 9)
    assert found[0].tolist() == [0, 1, 2, 3, -1, -1, -1, -1, -1]
    assert (scores[0, :4] == 3).all()


@pytest.mark.parametrize("row", [-1, 4])
def test_deleting_an_unknown_row_is_refused_and_changes_nothing(row: int) -> None:
    index = index_of()
    with pytest.raises(ValueError, match=f"rows: {row} is unknown; the index has rows 0 to 3"):
        index.delete(np.array([0, row]))
    assert index.stats()["deleted"] == 0


@pytest.mark.parametrize("level", ["", "sse9", "AVX2"])
def test_an_unknown_level_is_refused_with_those_there_are(level: str) -> None:
    with pytest.raises(ValueError, match="level"):
        index_of(level=level)


def test_negative_threads_are_refused() -> None:
    with pytest.raises(ValueError, match="threads must be 0 or more, got -1"):
        index_of(threads=-1)


@pytest.mark.parametrize(
    ("value", "check"),
    [
        ("scalar", lambda done: done.stdout.strip() == "scalar"),
        ("", lambda done: done.stdout.strip() == _core.simd_levels()[0]),
        ("mmx", lambda done: 'RECSTREAM_SIMD_LEVEL "mmx" is not a level of this machine; use one of' in done.stderr),
    ],
)
def test_the_environment_lowers_the_level(
    value: str, check: Callable[[subprocess.CompletedProcess[str]], bool]
) -> None:
    code = (
        "import numpy as np; from recstream import _core;"
        "print(_core.ExactIndex(np.ones((1, 1), np.float32)).stats()['level'])"
    )
    environment = os.environ | {"RECSTREAM_SIMD_LEVEL": value}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False)
    assert check(done), done


def test_the_last_level_is_scalar() -> None:
    assert _core.simd_levels()[-1] == "scalar"
    assert len(set(_core.simd_levels())) == len(_core.simd_levels())


def test_the_array_is_borrowed_and_kept_alive() -> None:
    vectors = np.ones((2, 3), np.float32).view(Array)
    gone = weakref.ref(vectors)
    index = _core.ExactIndex(vectors)
    del vectors
    gc.collect()
    assert gone() is not None
    np.asarray(gone())[1] = 2  # Seen by the index, because it made no copy.
    assert index.search(np.ones((1, 3), np.float32), 1)[0][0, 0] == 6
    del index
    gc.collect()
    assert gone() is None
