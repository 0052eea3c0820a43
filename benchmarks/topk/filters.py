"""What a filter costs: the same search with fewer and fewer rows eligible."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.topk.cases import Case
from benchmarks.topk.oracle import Truth, exact_top, mismatches
from benchmarks.topk.peers import Rows, Vectors
from benchmarks.topk.timing import Effort, alternate
from benchmarks.topk.vectors import VectorSet
from recstream import ExactIndex

SHARES = (1.0, 0.1, 0.01, 0.001, 0.0001)
CHECKED_QUERIES = 32


class Filtered:
    """Our index with one bitmap for all queries, or none."""

    exact, stored_bytes = True, 0

    def __init__(self, name: str, index: ExactIndex, allow: NDArray[np.uint64] | None) -> None:
        self.name, self._index, self._allow = name, index, allow

    def use_threads(self, threads: int) -> None:
        """The index has its own."""

    def search(self, queries: Vectors, k: int) -> Rows:
        return self._index.search(queries, k, allow=self._allow)[1]


def measure(data: VectorSet, case: Case, effort: Effort, *, seed: int) -> list[dict[str, Any]]:
    """Time and verify every share of eligible rows beside the search without a filter."""
    index = ExactIndex(data.vectors, threads=case.threads)
    random = np.random.default_rng(seed)
    eligible = {share: eligible_rows(len(data.vectors), share, random) for share in SHARES}
    bitmaps = {share: bitmap(len(data.vectors), rows) for share, rows in eligible.items()}
    searches = [Filtered("none", index, None), *(Filtered(str(share), index, bitmaps[share]) for share in SHARES)]
    times = alternate(searches, data.queries, case, effort, seed=seed)
    return [
        {
            "kind": data.kind,
            "items": len(data.vectors),
            "batch": case.batch,
            "k": case.k,
            "seed": seed,
            "eligible": share,
            "median_ms": 1e3 * times[str(share)].median_s,
            "processor_ms": 1e3 * times[str(share)].processor_s,
            "processor_ratio": times[str(share)].processor_s / times["none"].processor_s,
            "ratio": times[str(share)].median_s / times["none"].median_s,
            "mismatches": filter_mismatches(index, data, rows, bitmaps[share], case.k),
        }
        for share, rows in eligible.items()
    ]


def eligible_rows(items: int, share: float, random: np.random.Generator) -> NDArray[np.int64]:
    """Rising row numbers, drawn without regard to score."""
    return np.sort(random.permutation(items)[: max(1, round(share * items))])


def bitmap(items: int, rows: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Row r as bit ``r % 64`` of word ``r // 64``."""
    bits = np.zeros(-(-items // 64) * 64, np.uint8)
    bits[rows] = 1
    return np.packbits(bits, bitorder="little").view("<u8").astype(np.uint64, copy=False)


def filter_mismatches(
    index: ExactIndex, data: VectorSet, rows: NDArray[np.int64], allow: NDArray[np.uint64], k: int
) -> int:
    queries = data.queries[:CHECKED_QUERIES]
    among = exact_top(data.vectors[rows], queries, k)
    truth = Truth(np.where(among.rows >= 0, rows[among.rows], -1), among.scores)
    scores, found = index.search(queries, k, allow=allow)
    return mismatches(found, scores, truth)
