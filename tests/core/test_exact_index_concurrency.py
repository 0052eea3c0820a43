"""Searches beside writers: every answer is that of one moment between its start and its end."""

import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from recstream import _core

ROWS = 3000
DIMENSION = 24


def run_until(enough: Callable[[], bool], *works: Callable[[threading.Event], None]) -> list[BaseException]:
    """Run each work, told when to stop by its argument, on a thread of its own; the errors they raise."""
    stop = threading.Event()
    errors: list[BaseException] = []

    def guarded(work) -> None:
        try:
            work(stop)
        except BaseException as error:  # noqa: BLE001
            errors.append(error)
            stop.set()

    threads = [threading.Thread(target=guarded, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 60
    while not stop.is_set() and not enough() and time.monotonic() < deadline:
        stop.wait(0.02)
    stop.set()
    for thread in threads:
        thread.join()
    return errors


@pytest.mark.parametrize("threads", [1, 3])
def test_a_search_sees_one_generation_of_all_rows(threads: int) -> None:
    """Each upsert writes its number into every coordinate of every row, over several blocks at once.

    A torn read, of a row or between blocks, shows as a score that is not a multiple of the dimension, or as two
    generations in one answer. The generation must also be one that was current while the search ran.
    """
    index = _core.ExactIndex(np.zeros((ROWS, DIMENSION), np.float32), threads=threads)
    rows = np.arange(ROWS)
    query = np.ones((1, DIMENSION), np.float32)
    started = finished = 0
    answers = [0, 0]

    def write(stop: threading.Event) -> None:
        nonlocal started, finished
        while not stop.is_set():
            started += 1
            index.upsert(rows, np.full((ROWS, DIMENSION), started, np.float32))
            finished = started

    def read(reader: int):
        def work(stop: threading.Event) -> None:
            while not stop.is_set():
                oldest = finished
                scores, found = index.search(query, ROWS)
                newest = started
                generations = np.unique(scores)
                assert len(generations) == 1, generations
                assert oldest <= generations[0] / DIMENSION <= newest
                np.testing.assert_array_equal(found[0], rows)
                answers[reader] += 1

        return work

    assert run_until(lambda: finished > 100 and min(answers) > 100, write, read(0), read(1)) == []


def test_deletes_and_appends_beside_searches() -> None:
    """A window of rows slides over the index: new rows are appended, then as many old ones deleted.

    An answer is right when it is a contiguous window, of the size of a moment, that was current while it ran.
    """
    window, step = 1500, 37
    index = _core.ExactIndex(np.ones((window, 1), np.float32))
    query = np.ones((1, 1), np.float32)
    appended = deleted = 0  # Finished steps of each kind.
    answers = 0

    def write(stop: threading.Event) -> None:
        nonlocal appended, deleted
        while not stop.is_set():
            first = window + appended * step
            index.upsert(np.arange(first, first + step), np.ones((step, 1), np.float32))
            appended += 1
            index.delete(np.arange(deleted * step, (deleted + 1) * step))
            deleted += 1

    def read(stop: threading.Event) -> None:
        nonlocal answers
        while not stop.is_set():
            appended_before, deleted_before = appended, deleted
            _, rows = index.search(query, window + 2 * step)
            appended_after, deleted_after = appended, deleted
            found = rows[0][rows[0] >= 0]
            np.testing.assert_array_equal(found, np.arange(found[0], found[0] + len(found)))
            assert len(found) in (window, window + step)
            # The writer may have published a step that it has not counted yet.
            assert deleted_before * step <= found[0] <= (deleted_after + 1) * step
            assert window + appended_before * step <= found[-1] + 1 <= window + (appended_after + 1) * step
            answers += 1

    assert run_until(lambda: deleted > 300 and answers > 300, write, read, read) == []


def test_writers_wait_for_each_other() -> None:
    """Each of two writers sets its own row, in one block, and then finds what it wrote."""
    index = _core.ExactIndex(np.zeros((2, 1), np.float32))
    counts = [0, 0]

    def write(row: int):
        def work(stop: threading.Event) -> None:
            while not stop.is_set():
                counts[row] += 1
                index.upsert(np.array([row]), np.array([[counts[row]]], np.float32))
                scores, rows = index.search(np.ones((1, 1), np.float32), 2)
                assert scores[0][rows[0] == row] == counts[row]

        return work

    assert run_until(lambda: min(counts) > 500, write(0), write(1)) == []


def test_searches_leave_the_interpreter_free() -> None:
    """Another thread gets on with Python while a long search runs."""
    rng = np.random.default_rng(0)
    index = _core.ExactIndex(rng.standard_normal((20_000, 256)).astype(np.float32), threads=1)
    queries = rng.standard_normal((400, 256)).astype(np.float32)
    running = threading.Event()
    searching = threading.Thread(target=lambda: (running.set(), index.search(queries, 10)))
    searching.start()
    running.wait()
    turns = 0
    while searching.is_alive():
        time.sleep(0)
        turns += 1
    searching.join()
    assert turns > 100
