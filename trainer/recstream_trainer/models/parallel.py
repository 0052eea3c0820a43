"""Independent pieces of tensor work, a thread each."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import torch

Piece = TypeVar("Piece")
Result = TypeVar("Result")


def in_parallel(work: Callable[[Piece], Result], pieces: Sequence[Piece]) -> list[Result]:
    """Do the work on every piece, as many at a time as torch uses threads; results in the order of the pieces.

    Each kernel runs on one thread. Left to itself, torch splits every kernel over all cores and waits for the slowest:
    beside two busy processes on two cores, an epoch of ALS on ml-1m took 1.0 to 1.6 s that way, and 0.15 s this way.
    torch lets go of the GIL in its kernels.
    """
    threads = min(torch.get_num_threads(), len(pieces))
    if threads <= 1:
        return [work(piece) for piece in pieces]

    def isolated(piece: Piece) -> Result:
        with torch.inference_mode():  # holds for one thread only
            return work(piece)

    with _one_thread_per_kernel():
        return list(_pool(threads).map(isolated, pieces))


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    # Kept, as the kernels set themselves up anew in every new thread: a fifth of an epoch on ml-1m.
    return ThreadPoolExecutor(threads, thread_name_prefix="recstream-trainer")


@contextmanager
def _one_thread_per_kernel() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
