"""What is measured: kind of vectors, catalogue size, batch, threads and k."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

SYNTHETIC = ("equal", "skewed")
KINDS = (*SYNTHETIC, "learned")
MILLION = 1_000_000
CAMPAIGN_ITEMS = 27_000
"""Catalogue of the campaign that only counts mismatches: the oracle takes about a millisecond a query there."""


@dataclass(frozen=True, order=True)
class Case:
    """One comparison. `items` is 0 for learned vectors: as many as there are."""

    kind: str
    items: int
    k: int
    threads: int
    batch: int

    def __str__(self) -> str:
        items = f"{self.items:,} " if self.items else ""
        return f"{items}{self.kind}, batch {self.batch}, {self.threads} thread{'s' * (self.threads > 1)}, k {self.k}"

    @property
    def with_hnsw(self) -> bool:
        """The goal for HNSW is at k = 20 on skewed norms; its graph takes minutes, so it is built only there."""
        return self.kind == "skewed" and self.k == 20


def case(kind: str, items: int, batch: int, *, threads: int = 1, k: int = 100) -> Case:
    return Case(kind, items, k, threads, batch)


def goal_cases() -> list[Case]:
    """Those that a goal speaks of."""
    large = [
        case(kind, MILLION, batch, threads=threads)
        for kind in SYNTHETIC
        for batch, threads in ((1, 1), (32, 1), (32, 2))
    ]
    learned = [case("learned", 0, batch) for batch in (1, 32)]
    small = [case("skewed", CAMPAIGN_ITEMS, 32)]
    return learned + small + large + [case("skewed", MILLION, batch, k=20) for batch in (1, 32)]


def all_cases() -> list[Case]:
    """The goals, and a sweep of each measure around them."""
    sizes = [
        case(kind, items, batch)
        for kind in SYNTHETIC
        for items in (10_000, CAMPAIGN_ITEMS, 100_000, MILLION, 5 * MILLION)
        for batch in (1, 32)
    ]
    batches = [case(kind, 100_000, batch) for kind in SYNTHETIC for batch in (4, 16, 64, 256)]
    ks = [case("skewed", MILLION, 32, k=10), case("skewed", 100_000, 1, k=20), case("skewed", 100_000, 32, k=20)]
    threads = [case("skewed", MILLION, 1, threads=2), case("learned", 0, 32, threads=2)]
    return sorted({*goal_cases(), *sizes, *batches, *ks, *threads})


def quick_cases() -> list[Case]:
    """The goals for one thread that take no minutes to prepare."""
    return sorted(case for case in goal_cases() if case.threads == 1 and not case.with_hnsw)


def chosen_cases(
    kinds: Iterable[str], items: Iterable[int], batches: Iterable[int], threads: Iterable[int], ks: Iterable[int]
) -> list[Case]:
    """Every combination; learned vectors have the one size they have."""
    synthetic = product([kind for kind in kinds if kind in SYNTHETIC], items)
    sets = [*synthetic, *(("learned", 0) for kind in kinds if kind == "learned")]
    return sorted({Case(kind, n, k, t, b) for (kind, n), k, t, b in product(sets, ks, threads, batches)})
