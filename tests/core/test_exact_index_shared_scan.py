"""Searches that share a pass: each gets the very answer it would get alone, or its own error."""

import itertools
import sys
import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from threads import run_together

from recstream import _core

CALLERS = 12
ROWS, DIMENSION = 20_000, 32


@pytest.fixture(autouse=True)
def eager_threads() -> Iterator[None]:
    """Let threads take turns after microseconds, not after five milliseconds."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(interval)


@pytest.mark.parametrize("threads", [1, 4])
def test_answers_are_those_of_searching_alone(threads: int) -> None:
    """Callers differ in everything that a search can be given."""
    rng = np.random.default_rng(threads)
    # Of few whole numbers, so that there are ties to break.
    vectors = rng.integers(-3, 4, (ROWS, DIMENSION)).astype(np.float32)
    index = _core.ExactIndex(vectors, threads=threads)
    calls = []
    for caller in range(CALLERS):
        queries = rng.integers(-3, 4, (1 + caller % 3 * 17, DIMENSION)).astype(np.float32)
        arguments = {"k": (1, 10, 300, ROWS + 5)[caller % 4]}
        if caller % 2:
            arguments["exclude"] = [rng.integers(0, ROWS, 40) for _ in queries]
        if caller % 3 == 1:
            arguments["allow"] = rng.integers(0, 2**63, (ROWS + 63) // 64, dtype=np.uint64)
        calls.append((queries, arguments))
    alone = [index.search(queries, **arguments) for queries, arguments in calls]
    assert index.stats()["passes"] == CALLERS
    shared = threading.Event()
    answered = itertools.count(CALLERS + 1)

    def caller(number: int) -> Callable[[], None]:
        def work() -> None:
            queries, arguments = calls[number]
            deadline = time.monotonic() + 30
            turns = 0
            while (turns < 3 or not shared.is_set()) and time.monotonic() < deadline:
                scores, rows = index.search(queries, **arguments)
                np.testing.assert_array_equal(rows, alone[number][1])
                assert scores.tobytes() == alone[number][0].tobytes()
                turns += 1
                # Were no pass shared, there would be one by now for each call that has returned.
                if next(answered) > index.stats()["passes"]:
                    shared.set()

        return work

    run_together(*(caller(number) for number in range(CALLERS)))
    assert shared.is_set()


def grow_in_bursts(index: _core.ExactIndex, enough: Callable[[], bool]) -> None:
    """Grow in bursts, which make bitmaps too short, with pauses, in which they fit."""
    for burst in range(200):
        for first in range(ROWS + burst * 4096, ROWS + (burst + 1) * 4096, 64):
            index.upsert(np.arange(first, first + 64), np.zeros((64, DIMENSION), np.float32))
        time.sleep(0.02)
        if enough():
            return


def test_an_error_is_its_callers_own() -> None:
    """Bitmaps that fit when their search begins may be too short for the rows of the pass it is given."""
    rng = np.random.default_rng(5)
    index = _core.ExactIndex(rng.standard_normal((ROWS, DIMENSION)).astype(np.float32))
    query = rng.standard_normal((1, DIMENSION)).astype(np.float32)
    expected = index.search(query, 20)
    growing = threading.Event()
    growing.set()
    refused = answered = 0

    def grow() -> None:
        try:
            grow_in_bursts(index, lambda: bool(refused and answered))
        finally:
            growing.clear()

    def with_bitmap() -> None:
        nonlocal refused, answered
        while growing.is_set():
            allow = np.full((index.stats()["rows"] + 63) // 64, 2**64 - 1, np.uint64)
            try:
                found = index.search(query, 20, allow=allow)
            except ValueError as error:
                assert "allow must have at least" in str(error)  # noqa: PT017
                refused += 1
            else:
                np.testing.assert_array_equal(found[1], expected[1])
                answered += 1

    many = np.repeat(query, 60, axis=0)  # long passes: rows come while others queue

    def without() -> None:
        while growing.is_set():
            np.testing.assert_array_equal(index.search(many, 20)[1], np.repeat(expected[1], 60, axis=0))

    run_together(grow, with_bitmap, with_bitmap, *[without] * 6)
    assert refused > 0
    assert answered > 0


def test_a_lone_search_is_a_pass() -> None:
    index = _core.ExactIndex(np.ones((100, 3), np.float32))
    for count in (1, 5, 200):
        before = index.stats()
        index.search(np.ones((count, 3), np.float32), 2)
        after = index.stats()
        assert after["passes"] - before["passes"] == 1
        assert after["scans"] - before["scans"] == count


def test_nothing_to_ask_or_to_find() -> None:
    index = _core.ExactIndex(np.ones((0, 3), np.float32))
    assert index.search(np.ones((0, 3), np.float32), 2)[0].shape == (0, 2)
    scores, rows = index.search(np.ones((2, 3), np.float32), 2)
    assert (rows == -1).all()
    assert (scores == -np.inf).all()
