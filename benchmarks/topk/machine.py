"""What the figures depend on, and how fast the memory can be read."""

import os
import platform
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from benchmarks.topk import blas
from recstream._core import simd_levels

PACKAGES = ("recstream", "faiss-cpu", "usearch", "implicit", "numpy", "torch")
READ_BYTES = 256 * 2**20
"""Well above the last-level cache."""


def describe() -> dict[str, Any]:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    found = dict(line.split(":", 1) for line in lines if line.startswith(("model name", "flags")))
    fields = {key.strip(): value.strip() for key, value in found.items()}
    wanted = ("avx2", "avx_vnni", "avx512f", "avx512_vnni", "avx512_bf16")
    return {
        "cpu": fields.get("model name", platform.machine()),
        "flags": [flag for flag in wanted if flag in fields.get("flags", "").split()],
        "cores": len(os.sched_getaffinity(0)),
        "platform": platform.platform(),
        "levels": simd_levels(),
        "blas": blas.kernels(),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in PACKAGES},
    }


class MemoryReader:
    """Sequential read bandwidth, by the fastest of some reductions of NumPy, on a thread for each part."""

    def __init__(self) -> None:
        self._bytes = np.full(READ_BYTES, 0, np.uint8)  # np.zeros would map one page of zeros for all

    def gigabytes_per_s(self, threads: int, repeats: int = 5) -> float:
        """The best of some passes: what else runs can only take bandwidth away."""
        with threadpool_limits(1), ThreadPoolExecutor(threads) as pool:
            return max(self._pass(pool, threads, read) for read in REDUCTIONS for _ in range(repeats))

    def _pass(self, pool: ThreadPoolExecutor, threads: int, read: Callable[[NDArray[np.uint8]], object]) -> float:
        parts = np.array_split(self._bytes.reshape(-1, 64), threads)
        started = time.perf_counter()
        list(pool.map(read, [part.reshape(-1) for part in parts]))
        return READ_BYTES / (time.perf_counter() - started) / 1e9


def _dot(part: NDArray[np.uint8]) -> object:
    floats = part.view(np.float32)
    return np.dot(floats, floats)


def _largest(part: NDArray[np.uint8]) -> object:
    return part.view(np.int32).max()


def _any(part: NDArray[np.uint8]) -> object:
    return part.view(np.bool_).any()


REDUCTIONS = (_dot, _largest, _any)


def load() -> float:
    """Processes that wanted a core in the last minute."""
    return round(os.getloadavg()[0], 2)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
