import numpy as np
import pytest
from recstream_server.retrieval.bitmap import bitmap_of
from recstream_server.retrieval.faiss_base import BuildGivenUpError, FaissBase
from recstream_server.settings import RetrievalSettings

from recstream.errors import ConfigurationError

DIMENSION = 16
EXHAUSTIVE = [
    ("IVF16,Flat", "nprobe=16"),
    ("IVF16,SQ8", "nprobe=16"),
    ("PCA16,IVF16,Flat", "nprobe=16"),
    ("HNSW16", "efSearch=600"),
    ("Flat", ""),
]


def base_of(factory: str, parameters: str, vectors: np.ndarray, rows: np.ndarray, **options) -> FaissBase:
    settings = RetrievalSettings(kind="faiss", faiss_factory=factory, faiss_search_parameters=parameters)
    return FaissBase(vectors.__getitem__, rows, DIMENSION, settings, **options)


@pytest.mark.parametrize(("factory", "parameters"), EXHAUSTIVE)
def test_only_eligible_rows_are_proposed_under_their_own_numbers(factory: str, parameters: str) -> None:
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((900, DIMENSION)).astype(np.float32)
    rows = np.flatnonzero(rng.random(900) < 0.6)
    base = base_of(factory, parameters, vectors, rows)
    allowed = rng.random(900) < 0.3
    for eligible, members in [(None, rows), (bitmap_of(allowed), np.intersect1d(rows, np.flatnonzero(allowed)))]:
        found = base.search(vectors[:5], 50, eligible)
        for query, proposed in zip(vectors, found, strict=False):
            best = members[np.argsort(-(vectors[members] @ query), kind="stable")][:50]
            assert set(proposed) <= set(members)
            assert len(set(proposed) & set(best)) >= 45  # SQ8 is not exact, nor are graphs


def test_there_may_be_fewer_rows_than_asked_for() -> None:
    base = base_of("Flat", "", np.eye(DIMENSION, dtype=np.float32), np.array([3, 5]))
    assert base.size == 2
    np.testing.assert_array_equal(base.search(np.eye(1, DIMENSION, 5, dtype=np.float32), 4), [[5, 3, -1, -1]])
    np.testing.assert_array_equal(
        base.search(np.eye(1, DIMENSION, dtype=np.float32), 2, np.zeros(0, np.uint64)), [[-1, -1]]
    )


def test_one_thread_builds_the_same_index_again() -> None:
    vectors = np.random.default_rng(2).standard_normal((2000, DIMENSION)).astype(np.float32)
    for factory, parameters in [("IVF32,SQ8", "nprobe=2"), ("HNSW8", "efSearch=16")]:
        bases = [base_of(factory, parameters, vectors, np.arange(2000), threads=1) for _ in range(2)]
        first, second = (base.search(vectors[:100], 20) for base in bases)
        np.testing.assert_array_equal(first, second)


def test_a_build_is_given_up_between_steps() -> None:
    vectors = np.zeros((10, DIMENSION), np.float32)
    with pytest.raises(BuildGivenUpError):
        base_of("Flat", "", vectors, np.arange(10), given_up=lambda: True)


@pytest.mark.parametrize("factory", ["NSG16", "IVF4,Flat,RFlat"])
def test_what_cannot_be_searched_with_a_selector_is_refused(factory: str) -> None:
    vectors = np.random.default_rng(3).standard_normal((200, DIMENSION)).astype(np.float32)
    with pytest.raises(ConfigurationError, match=r"retrieval\.faiss_factory"):
        base_of(factory, "", vectors, np.arange(200))
