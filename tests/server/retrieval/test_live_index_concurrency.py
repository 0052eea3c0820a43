import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
from recstream_server.retrieval.live_index import LiveIndex
from recstream_server.settings import RetrievalSettings

from recstream import ExactIndex

ROWS, STABLE, DIMENSION, K = 4000, 2000, 8, 10


class Load:
    """Rows below STABLE never change; each writer has half of the others to itself, and reads its writes."""

    def __init__(self) -> None:
        rng = np.random.default_rng(1)
        self.vectors = rng.integers(-100, 100, (ROWS, DIMENSION)).astype(np.float32)
        faiss = RetrievalSettings(kind="faiss", faiss_factory="IVF16,Flat", faiss_search_parameters="nprobe=16")
        self.index = LiveIndex(ExactIndex(self.vectors, threads=1), faiss, rebuild_share=0.02)
        self.done = threading.Event()

    def search(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        while not self.done.is_set():
            queries = rng.integers(-100, 100, (2, DIMENSION)).astype(np.float32)
            for query, scores, rows in zip(queries, *self.index.search(queries, K), strict=True):
                assert (np.diff(scores) <= 0).all()
                assert len(set(rows.tolist())) == K
                stable = (rows >= 0) & (rows < STABLE)
                np.testing.assert_array_equal(scores[stable], self.vectors[rows[stable]] @ query)
                # Whatever the writers do, the best of the stable rows can only be pushed out by better ones.
                assert scores[-1] >= np.sort(self.vectors[:STABLE] @ query)[-K]

    def write(self, first: int) -> None:
        rng = np.random.default_rng(first)
        for number in range(150):
            rows = first + rng.choice((ROWS - STABLE) // 2, 5, replace=False)
            query = rng.integers(-100, 100, (1, DIMENSION)).astype(np.float32)
            self.index.upsert(rows, np.concatenate([(1000 + number) * query, -query, -query, -query, -query]))
            assert rows[0] in self.index.search(query, K)[1]
            self.index.delete(rows[:2])
            assert not set(rows[:2].tolist()) & set(self.index.search(query, K)[1][0].tolist())
            self.index.upsert(rows[:2], self.vectors[rows[:2]])


def test_searches_run_beside_changes_and_rebuilds() -> None:
    load = Load()
    with load.index, ThreadPoolExecutor(4) as pool:
        searching = [pool.submit(load.search, seed) for seed in (1, 2)]
        writing = [pool.submit(load.write, first) for first in (STABLE, (STABLE + ROWS) // 2)]
        try:
            for task in writing:
                task.result()
        finally:
            load.done.set()
        for task in searching:
            task.result()
        load.index.wait()
    assert load.index.stats()["rebuilds"] >= 2
    assert load.index.stats()["rebuild_failures"] == 0
