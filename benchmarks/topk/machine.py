"""What the figures depend on, and how fast the memory can be read."""

import os
import platform
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
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
    """Sequential read bandwidth, by the dot product of an array with itself."""

    def __init__(self) -> None:
        self._array = np.ones(READ_BYTES // 4, np.float32)

    def gigabytes_per_s(self, threads: int, repeats: int = 8) -> float:
        """The best of some passes: what else runs can only take bandwidth away."""
        seconds = []
        with threadpool_limits(threads):
            for _ in range(repeats):
                started = time.perf_counter()
                np.dot(self._array, self._array)
                seconds.append(time.perf_counter() - started)
        return READ_BYTES / min(seconds) / 1e9


def load() -> float:
    """Processes that wanted a core in the last minute."""
    return round(os.getloadavg()[0], 2)


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
