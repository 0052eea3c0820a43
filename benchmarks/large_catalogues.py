"""Exact search beside FAISS with exact rescoring, over catalogues of millions: time, recall, memory, cost of changes.

The vectors are made up, because an approximate index needs structure and random directions have none: every item
and every query is a direction around one of some thousand centres. The norms of items come from gamma(2, 1/2)
(`skewed`), which lets an exact scan stop early, or are 1 (`even`), which does not.

Everything runs on one thread, the contenders of a case in turns on the same queries; medians of wall and processor
time count. The recall is that of the whole answer, after rescoring, against `ExactIndex`; `scanned` is the share of
queries for which the index proposed too little, and everything was scanned. Memory is what the process grew by beyond
the vectors. The indexes are those of the server (`recstream_server.retrieval.live_index`).

Examples:
  python -m benchmarks.large_catalogues                            1M and 5M items: about an hour, 6 GB
  python -m benchmarks.large_catalogues --items 1000000 --norms even --indexes ivf-flat hnsw --append
  python -m benchmarks.large_catalogues --items 50000 --json /tmp/try.json
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before FAISS and BLAS start

import argparse
import ctypes
import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import structlog
from numpy.typing import NDArray
from recstream_server.retrieval.live_index import LiveIndex
from recstream_server.settings import RetrievalSettings

from benchmarks.topk import machine
from recstream import ExactIndex

Vectors = NDArray[np.float32]
Search = Callable[[Vectors, int], tuple[NDArray[np.float32], NDArray[np.int64]]]

RESULTS = Path(__file__).parent / "results" / "large_catalogues.json"
DIMENSION, SPREAD, CHUNK = 64, 0.8, 250_000
RECALL_QUERIES, ROUNDS = 256, 3
BATCHES = {1: 48, 32: 4}
"""Calls of a turn, by the queries of a call."""
CHANGED_SHARES = (0.01, 0.1)
NORMS = ["skewed", "even"]
PROBES = {"nprobe": (1, 4, 16, 64, 128), "efSearch": (32, 64, 128, 256, 512)}
INDEXES = {
    "hnsw": ("HNSW32", "efSearch"),
    "ivf-sq8": ("IVF{lists},SQ8", "nprobe"),
    "ivf-flat": ("IVF{lists},Flat", "nprobe"),
}
LARGEST_GRAPH = 2_000_000
"""Items above which a graph takes hours to build on one core: left out unless it is asked for."""


class Catalogue(NamedTuple):
    vectors: Vectors
    queries: Vectors
    exact: ExactIndex


def main() -> None:
    arguments = parse()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(30))
    document: dict[str, Any] = {"commands": [], "records": []}
    if arguments.append and arguments.json.exists():
        document = json.loads(arguments.json.read_text())
    document["commands"].append(" ".join(["python -m benchmarks.large_catalogues", *sys.argv[1:]]))
    document["machine"] = machine.describe()
    for items, norms in product(arguments.items, arguments.norms):
        for record in measure(items, norms, arguments):
            print(json.dumps(record), flush=True)
            kept = [other for other in document["records"] if identity(other) != identity(record)]
            document["records"] = [*kept, record]
            arguments.json.parent.mkdir(parents=True, exist_ok=True)
            arguments.json.write_text(json.dumps(document, indent=1) + "\n")


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.large_catalogues",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--items", nargs="+", type=int, default=[1_000_000, 5_000_000])
    parser.add_argument("--norms", nargs="+", choices=NORMS, default=NORMS)
    parser.add_argument("--indexes", nargs="+", choices=INDEXES, help="all, but no graph above two million items")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--append", action="store_true", help="keep what the JSON has and this run does not repeat")
    return parser.parse_args()


def identity(record: dict[str, Any]) -> tuple[Any, ...]:
    return tuple(record.get(key) for key in ("items", "norms", "index", "parameters", "changed_share", "seed"))


def measure(items: int, norms: str, arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    vectors, queries = clustered(items, norms, arguments.seed)
    started = clock()
    exact = ExactIndex(vectors, threads=1)
    common = {"items": items, "norms": norms, "seed": arguments.seed}
    codes = int(exact.stats()["bytes"]) - vectors.nbytes
    build = since(started) | {"index_bytes": codes, "vector_bytes": vectors.nbytes}
    yield common | {"index": "exact", "parameters": "", **build, **figures({"": exact.search}, queries, exact)[""]}
    chosen = arguments.indexes or [name for name in INDEXES if name != "hnsw" or items <= LARGEST_GRAPH]
    for name in chosen:
        for record in measure_index(name, Catalogue(vectors, queries, exact), change=name == chosen[-1]):
            yield common | {"index": name} | record


def measure_index(name: str, catalogue: Catalogue, *, change: bool) -> Iterator[dict[str, Any]]:
    vectors, queries, exact = catalogue
    factory, knob = INDEXES[name]
    factory = factory.format(lists=lists_for(len(vectors)))
    started, held = clock(), resident_bytes()
    with LiveIndex(exact, RetrievalSettings(kind="faiss", faiss_factory=factory), rebuild_share=1.0) as index:
        build = since(started) | {"factory": factory, "index_bytes": resident_bytes() - held}
        contenders = {f"{knob}={value}": tuned(index, f"{knob}={value}") for value in PROBES[knob]}
        found = figures({"": exact.search} | contenders, queries, exact)
        beside = found.pop("")
        for parameters, figure in found.items():
            yield build | {"parameters": parameters, **figure, "exact": beside}
        if change:
            parameters = least_with_recall(found, 0.95)
            yield from measure_changes(index, parameters, catalogue)
    gc.collect()


def measure_changes(index: LiveIndex, parameters: str, catalogue: Catalogue) -> Iterator[dict[str, Any]]:
    """Give rows other vectors of the same kind, and measure again. They stay as they are."""
    vectors, queries, exact = catalogue
    search = {"": exact.search, parameters: tuned(index, parameters)}
    order = np.random.default_rng(2).permutation(len(vectors))
    changed = 0
    for share in CHANGED_SHARES:
        rows = order[changed : int(share * len(vectors))]
        changed += len(rows)
        started = clock()
        for part in np.array_split(rows, max(1, len(rows) // 1000)):
            index.upsert(part, vectors[(part + 1) % len(vectors)] * np.float32(1.01))
        upserts = {f"upsert_{key}": value / len(rows) for key, value in since(started).items()}
        found = figures(search, queries, exact)
        yield {"parameters": parameters, "changed_share": share, **upserts, **found[parameters], "exact": found[""]}


def tuned(index: LiveIndex, parameters: str) -> Search:
    def search(queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        index.tune(parameters)
        return index.search(queries, k)

    return search


def figures(contenders: dict[str, Search], queries: Vectors, exact: ExactIndex) -> dict[str, dict[str, Any]]:
    """Recall, and milliseconds a query, of everyone."""
    found: dict[str, dict[str, Any]] = {name: {"load": machine.load()} for name in contenders}
    for k in (10, 100):
        truth = exact.search(queries[:RECALL_QUERIES], k)[1]
        for name, search in contenders.items():
            before = int(exact.stats()["scans"])
            found[name][f"recall@{k}"] = recall(search(queries[:RECALL_QUERIES], k)[1], truth)
            found[name][f"scanned@{k}"] = round((int(exact.stats()["scans"]) - before) / RECALL_QUERIES, 4)
        for batch, calls in BATCHES.items():
            for name, (wall, processor) in turns(contenders, queries, k, batch, calls).items():
                found[name][f"ms_k{k}_b{batch}"] = round(1e3 * wall / batch, 4)
                found[name][f"cpu_ms_k{k}_b{batch}"] = round(1e3 * processor / batch, 4)
    return found


def turns(
    contenders: dict[str, Search], queries: Vectors, k: int, batch: int, calls: int
) -> dict[str, tuple[float, float]]:
    """Median seconds of a call, wall and processor."""
    times: dict[str, list[dict[str, float]]] = {name: [] for name in contenders}
    for _ in range(ROUNDS):
        for name, search in contenders.items():
            search(queries[:batch], k)
            for call in range(calls):
                part = queries[call * batch : (call + 1) * batch]
                started = clock()
                search(part, k)
                times[name].append(since(started))
    return {
        name: (median(call["wall_s"] for call in made), median(call["cpu_s"] for call in made))
        for name, made in times.items()
    }


def recall(found: NDArray[np.int64], truth: NDArray[np.int64]) -> float:
    hits = sum(len(np.intersect1d(a, b)) for a, b in zip(found, truth, strict=True))
    return round(hits / truth.size, 4)


def least_with_recall(found: dict[str, dict[str, Any]], wanted: float) -> str:
    reached = [parameters for parameters, figure in found.items() if figure["recall@100"] >= wanted]
    return reached[0] if reached else list(found)[-1]


def lists_for(items: int) -> int:
    """About the square root, a power of two."""
    return int(2 ** round(np.log2(np.sqrt(items))))


def clustered(items: int, norms: str, seed: int) -> tuple[Vectors, Vectors]:
    """Directions around items / 200 centres, with the spread of a centre's neighbours SPREAD times its own length."""
    random = np.random.default_rng([seed, items])
    centres = directions(random.standard_normal((max(16, items // 200), DIMENSION), np.float32))
    vectors = np.empty((items, DIMENSION), np.float32)
    for first in range(0, items, CHUNK):
        part = around(centres, min(CHUNK, items - first), random)
        if norms == "skewed":
            part *= random.gamma(2.0, 0.5, (len(part), 1)).astype(np.float32)
        vectors[first : first + len(part)] = part
    return vectors, around(centres, RECALL_QUERIES, random)


def around(centres: Vectors, count: int, random: np.random.Generator) -> Vectors:
    noise = random.standard_normal((count, DIMENSION), np.float32)
    noise *= np.float32(SPREAD / np.sqrt(DIMENSION))
    noise += centres[random.integers(0, len(centres), count)]
    return directions(noise)


def directions(vectors: Vectors) -> Vectors:
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors


def clock() -> tuple[float, float]:
    return time.perf_counter(), time.process_time()


def since(started: tuple[float, float]) -> dict[str, float]:
    return {"wall_s": time.perf_counter() - started[0], "cpu_s": time.process_time() - started[1]}


def resident_bytes() -> int:
    ctypes.CDLL(None).malloc_trim(0)  # what an index before this one gave back would be filled first
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    main()
