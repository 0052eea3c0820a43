"""One case: everybody takes turns, our answers are checked against the oracle, the others' recall is counted."""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.topk import machine
from benchmarks.topk.cases import CAMPAIGN_ITEMS, Case
from benchmarks.topk.oracle import Truth, exact_top, mismatches, recall
from benchmarks.topk.peers import HNSW, OURS, Hnsw, Ours, Peer, build_peers
from benchmarks.topk.timing import Effort, Times, alternate
from benchmarks.topk.vectors import VectorSet, learned, synthetic
from recstream import ExactIndex

QUERIES = 512
"""Distinct queries of a catalogue; batches are taken from them in turn."""
RECALL_QUERIES = 32
CAMPAIGN_BATCH = 256


class Sources:
    """Makes the vector sets of one seed."""

    def __init__(self, dimension: int, seed: int, bundle: Path | None) -> None:
        self.dimension, self.seed, self._bundle = dimension, seed, bundle

    def make(self, kind: str, items: int, queries: int = QUERIES) -> VectorSet:
        if kind != "learned":
            return synthetic(kind, items, queries, self.dimension, self.seed)
        assert self._bundle is not None
        return learned(self._bundle, queries, self.seed)


def measure_cases(
    cases: Sequence[Case], sources: Sources, names: Iterable[str] | None, effort: Effort
) -> Iterator[dict[str, Any]]:
    """Yield the record of every case; the catalogues are made, and everybody's index built, once for each size."""
    reader = machine.MemoryReader()
    chosen = None if names is None else list(names)
    for (kind, items), group in itertools.groupby(sorted(cases), key=lambda case: (case.kind, case.items)):
        same = list(group)
        data = sources.make(kind, items, max(QUERIES, *(case.batch for case in same)))
        threadpool_limits(None)
        truth = exact_top(data.vectors, data.queries, max(case.k for case in same))
        peers, missing = build_peers(data.vectors, chosen)
        hnsw = None
        for case in same:
            present = list(peers)
            if case.with_hnsw and (chosen is None or HNSW in chosen):
                hnsw = hnsw or Hnsw(data.vectors)
                present.append(hnsw)
            record = measure(case, data, truth, present, effort, reader=reader, seed=sources.seed)
            yield record | {"missing": missing}


def measure(
    case: Case,
    data: VectorSet,
    truth: Truth,
    peers: Sequence[Peer],
    effort: Effort,
    *,
    reader: machine.MemoryReader,
    seed: int,
) -> dict[str, Any]:
    for peer in peers:
        peer.use_threads(case.threads)
    recalls = {peer.name: peer_recall(peer, data, truth, case.k) for peer in peers if peer.name != OURS}
    load, bandwidth = machine.load(), reader.gigabytes_per_s(case.threads)
    times = alternate(peers, data.queries, case, effort, seed=seed)
    ours = next(peer for peer in peers if isinstance(peer, Ours))
    return asdict(case) | {
        "items": len(data.vectors),
        "dimension": data.vectors.shape[1],
        "seed": seed,
        "load": load,
        "bandwidth_gb_s": max(bandwidth, reader.gigabytes_per_s(case.threads)),
        "checked_queries": len(data.queries),
        "mismatches": index_mismatches(ours.index, data, truth, case.k, case.batch),
        "scan_bytes": scan_bytes(ours.index, data),
        "stats": ours.index.stats(),
        "contenders": {
            peer.name: contender_record(peer, times[peer.name], times[OURS], recalls.get(peer.name, 1.0))
            for peer in peers
        },
    }


def contender_record(peer: Peer, times: Times, ours: Times, found: float) -> dict[str, Any]:
    record = {
        "exact": peer.exact,
        "recall": round(found, 5),
        "calls": len(times.calls),
        "median_ms": 1e3 * times.median_s,
        "fastest_ms": 1e3 * times.fastest_s,
        "processor_ms": 1e3 * times.processor_s,
        "ratio": times.median_s / ours.median_s,
        "processor_ratio": times.processor_s / ours.processor_s,
        "stored_bytes": peer.stored_bytes,
    }
    return record | ({"ef_search": peer.ef_search} if isinstance(peer, Hnsw) else {})


def peer_recall(peer: Peer, data: VectorSet, truth: Truth, k: int) -> float:
    """Recall on some queries; HNSW first looks for the least effort that reaches its recall, on all of them."""
    if isinstance(peer, Hnsw):
        peer.tune(lambda rows: recall(rows, truth), data.queries, k)
        return recall(peer.search(data.queries, k), truth)
    return recall(peer.search(data.queries[:RECALL_QUERIES], k), truth)


def index_mismatches(index: ExactIndex, data: VectorSet, truth: Truth, k: int, batch: int) -> int:
    """Queries with a wrong row or score, asked in batches of the case's size."""
    answers = [index.search(data.queries[at : at + batch], k) for at in range(0, len(data.queries), batch)]
    scores, rows = (np.concatenate(parts) for parts in zip(*answers, strict=True))
    return mismatches(rows, scores, truth)


def scan_bytes(index: ExactIndex, data: VectorSet) -> int:
    """What a scan of everything reads: the int8 codes where the index holds some, else the vectors."""
    beyond = int(index.stats()["bytes"]) - data.vectors.nbytes
    return data.vectors.size if beyond >= data.vectors.size else data.vectors.nbytes


def campaign(sources: Sources, kind: str, queries: int, k: int = 100) -> dict[str, Any]:
    """Count the mismatches among many queries, in float64, at a size where the oracle keeps up."""
    data = sources.make(kind, CAMPAIGN_ITEMS, queries)
    index = ExactIndex(data.vectors)
    threadpool_limits(None)
    wrong = 0
    for first in range(0, queries, CAMPAIGN_BATCH):
        part = data.queries[first : first + CAMPAIGN_BATCH]
        scores, rows = index.search(part, k)
        wrong += mismatches(rows, scores, exact_top(data.vectors, part, k))
    return {
        "kind": kind,
        "items": len(data.vectors),
        "k": k,
        "seed": sources.seed,
        "queries": queries,
        "mismatches": wrong,
    }
