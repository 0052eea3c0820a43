"""Who is compared. Every contender gives rows, best first, for the same queries; one that is not installed is named."""

import os
from collections.abc import Callable, Iterable
from importlib import import_module
from typing import Any, Protocol

import faiss
import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from recstream import ExactIndex

Rows = NDArray[np.int64]
Vectors = NDArray[np.float32]

OURS = "recstream"
FLAT = "faiss Flat"
HNSW = "faiss HNSW"
SCORE_BYTES = 512 * 2**20
"""Most that NumPy and torch hold of the score matrix at once: what a careful user writes."""
HNSW_NEIGHBOURS, HNSW_RECALL = 32, 0.95
FLAT_BLAS_THRESHOLD = faiss.cvar.distance_compute_blas_threshold


class Peer(Protocol):
    """A contender over one catalogue."""

    name: str
    exact: bool
    """Whether it looks at every item in float32 (or proves that it need not)."""
    stored_bytes: int
    """What it holds for the scan."""

    def use_threads(self, threads: int) -> None: ...
    def search(self, queries: Vectors, k: int) -> Rows: ...


class Ours:
    name, exact = OURS, True

    def __init__(self, vectors: Vectors) -> None:
        self._vectors = vectors
        self._indexes: dict[int, ExactIndex] = {}
        self.use_threads(1)

    def use_threads(self, threads: int) -> None:
        if threads not in self._indexes:
            self._indexes = {threads: ExactIndex(self._vectors, threads=threads)}
        self.index = self._indexes[threads]
        self.stored_bytes = int(self.index.stats()["bytes"])

    def search(self, queries: Vectors, k: int) -> Rows:
        return self.index.search(queries, k)[1]


class LimitedPeer:
    """A contender whose threads are those of OpenMP and BLAS."""

    exact = True

    def use_threads(self, threads: int) -> None:
        threadpool_limits(threads)
        torch.set_num_threads(threads)


class Faiss(LimitedPeer):
    """One of faiss's indexes, with the setting that decides from how many queries on it multiplies matrices."""

    def __init__(self, name: str, index: Any, blas_threshold: int, *, exact: bool, item_bytes: int) -> None:
        self.name, self.exact = name, exact
        self._index, self._blas_threshold = index, blas_threshold
        self.stored_bytes = index.ntotal * item_bytes

    def search(self, queries: Vectors, k: int) -> Rows:
        faiss.cvar.distance_compute_blas_threshold = self._blas_threshold
        return np.asarray(self._index.search(queries, k)[1])


class Hnsw(Faiss):
    """HNSW, searched as little as the recall allows."""

    def __init__(self, vectors: Vectors) -> None:
        threadpool_limits(len(os.sched_getaffinity(0)))
        index = faiss.IndexHNSWFlat(vectors.shape[1], HNSW_NEIGHBOURS, faiss.METRIC_INNER_PRODUCT)
        index.add(vectors)
        item_bytes = 4 * (vectors.shape[1] + 2 * HNSW_NEIGHBOURS)  # the links of the upper levels are few
        super().__init__(HNSW, index, FLAT_BLAS_THRESHOLD, exact=False, item_bytes=item_bytes)

    def tune(self, recall_of: Callable[[Rows], float], queries: Vectors, k: int) -> None:
        """Take the first `efSearch` of a rising row that reaches the recall, else the last."""
        for effort in (20, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 2048):
            self._index.hnsw.efSearch = effort
            if effort >= k and recall_of(self.search(queries, k)) >= HNSW_RECALL:
                break

    @property
    def ef_search(self) -> int:
        return int(self._index.hnsw.efSearch)


class Usearch:
    name, exact = "usearch exact", True

    def __init__(self, vectors: Vectors) -> None:
        self._usearch: Any = import_module("usearch.index")  # may not be installed
        self._vectors, self._threads = vectors, 1
        self.stored_bytes = vectors.nbytes

    def use_threads(self, threads: int) -> None:
        self._threads = threads

    def search(self, queries: Vectors, k: int) -> Rows:
        inner_product = self._usearch.MetricKind.IP
        found = self._usearch.search(self._vectors, queries, k, inner_product, exact=True, threads=self._threads)
        return np.asarray(found.keys).astype(np.int64).reshape(len(queries), -1)


class Implicit(LimitedPeer):
    name = "implicit topk"

    def __init__(self, vectors: Vectors) -> None:
        self._topk: Any = import_module("implicit.cpu.topk").topk  # may not be installed
        self._vectors, self._threads = vectors, 1
        self.stored_bytes = vectors.nbytes

    def use_threads(self, threads: int) -> None:
        threadpool_limits(1, "blas")  # it multiplies in threads of its own
        self._threads = threads

    def search(self, queries: Vectors, k: int) -> Rows:
        return np.asarray(self._topk(self._vectors, queries, k, num_threads=self._threads)[0]).astype(np.int64)


class Numpy(LimitedPeer):
    name = "NumPy"

    def __init__(self, vectors: Vectors) -> None:
        self._vectors, self.stored_bytes = vectors, vectors.nbytes

    def search(self, queries: Vectors, k: int) -> Rows:
        return np.concatenate([self._part(part, k) for part in _affordable(queries, len(self._vectors))])

    def _part(self, queries: Vectors, k: int) -> Rows:
        scores = queries @ self._vectors.T
        best = np.argpartition(scores, -k, axis=1)[:, -k:]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        return np.take_along_axis(best, order, axis=1)


class Torch(LimitedPeer):
    name = "torch"

    def __init__(self, vectors: Vectors) -> None:
        self._vectors, self.stored_bytes = torch.from_numpy(vectors), vectors.nbytes

    @torch.inference_mode()
    def search(self, queries: Vectors, k: int) -> Rows:
        parts = (torch.from_numpy(part) @ self._vectors.T for part in _affordable(queries, len(self._vectors)))
        return np.concatenate([torch.topk(part, k).indices.numpy() for part in parts])


def build_peers(vectors: Vectors, names: Iterable[str] | None = None) -> tuple[list[Peer], dict[str, str]]:
    """Every contender but HNSW, or those named; and why the others are not there."""
    peers: list[Peer] = []
    missing: dict[str, str] = {}
    for name, build in BUILDERS.items():
        if names is not None and name not in names and name != OURS:
            continue
        try:
            peers.append(build(vectors))
        except (ModuleNotFoundError, AttributeError) as error:
            missing[name] = str(error)
    return peers, missing


def _flat(name: str, blas_threshold: int) -> Callable[[Vectors], Peer]:
    def build(vectors: Vectors) -> Peer:
        index = faiss.IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        return Faiss(name, index, blas_threshold, exact=True, item_bytes=index.sa_code_size())

    return build


def _panorama(vectors: Vectors) -> Peer:
    index = faiss.IndexFlatIPPanorama(vectors.shape[1], 8)
    index.add(vectors)
    return Faiss("faiss Panorama", index, FLAT_BLAS_THRESHOLD, exact=True, item_bytes=index.sa_code_size())


def _quantised(name: str, kind: str) -> Callable[[Vectors], Peer]:
    def build(vectors: Vectors) -> Peer:
        code = getattr(faiss.ScalarQuantizer, kind)
        index = faiss.IndexScalarQuantizer(vectors.shape[1], code, faiss.METRIC_INNER_PRODUCT)
        index.train(vectors[:100_000])
        index.add(vectors)
        return Faiss(name, index, FLAT_BLAS_THRESHOLD, exact=False, item_bytes=index.sa_code_size())

    return build


def _affordable(queries: Vectors, items: int) -> list[Vectors]:
    step = max(1, SCORE_BYTES // (4 * items))
    return [queries[first : first + step] for first in range(0, len(queries), step)]


BUILDERS: dict[str, Callable[[Vectors], Peer]] = {
    OURS: Ours,
    FLAT: _flat(FLAT, FLAT_BLAS_THRESHOLD),
    "faiss Flat tuned": _flat("faiss Flat tuned", 1),
    "faiss Panorama": _panorama,
    "faiss SQ8": _quantised("faiss SQ8", "QT_8bit"),
    "faiss bf16": _quantised("faiss bf16", "QT_bf16"),
    "usearch exact": Usearch,
    "implicit topk": Implicit,
    "NumPy": Numpy,
    "torch": Torch,
}
