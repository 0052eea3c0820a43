"""The goals for the core, and how far the measured cases are from them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.topk.cases import CAMPAIGN_ITEMS, MILLION
from benchmarks.topk.peers import FLAT, HNSW, HNSW_RECALL, OURS

Document = dict[str, Any]
Record = dict[str, Any]
TIMES = ("median_ms", "processor_ms")


@dataclass(frozen=True)
class Goal:
    """One line of the table.

    Attributes
    ----------
    measured : None when no case of the run tells
    by_processor : the same by processor time; None where it tells nothing. On a busy machine wall time flatters the
        faster one, whose calls fit between two turns of the scheduler, so both have to reach the limit.
    at_most : whether `limit` is the most allowed, instead of the least wanted
    """

    what: str
    limit: float
    measured: float | None
    unit: str = "x"
    at_most: bool = False
    note: str = ""
    by_processor: float | None = None

    @property
    def state(self) -> str:
        if self.measured is None:
            return "not measured"
        figures = [figure for figure in (self.measured, self.by_processor) if figure is not None]
        return (
            "met"
            if all(figure <= self.limit if self.at_most else figure >= self.limit for figure in figures)
            else "missed"
        )

    def cells(self) -> tuple[str, str, str, str, str, str]:
        """What, wanted, measured, state, by processor time, note."""
        wanted = f"{'<=' if self.at_most else '>='} {self._show(self.limit)}"
        return self.what, wanted, self._show(self.measured), self.state, self._show(self.by_processor), self.note

    def _show(self, value: float | None) -> str:
        if value is None:
            return "-"
        if self.unit == "%":
            return f"{100 * value:.2f}%"
        return f"{value:,.0f}" if self.unit == "" else f"{value:.2f}{self.unit}"


@dataclass(frozen=True)
class SeededGoal:
    """A goal as the runs with different seeds found it; met when all of them met it."""

    found: list[Goal]

    @property
    def state(self) -> str:
        states = {goal.state for goal in self.found}
        return states.pop() if len(states) == 1 else "missed" if "missed" in states else "not measured"

    def cells(self) -> tuple[str, ...]:
        """What, wanted, measured for each seed, state, by processor time for each, note."""
        each = [goal.cells() for goal in self.found]
        what, wanted, _, _, _, note = each[0]
        measured, by_processor = (" / ".join(cells[i] for cells in each) for i in (2, 4))
        return what, wanted, measured, self.state, by_processor, note


def seeds(document: Document) -> list[int]:
    """Of what was measured, rising."""
    records = [record for part in ("cases", "filters", "campaign") for record in document[part]]
    return sorted({record["seed"] for record in records})


def goals(document: Document) -> list[SeededGoal]:
    """Every goal, over all seeds of the document."""
    runs = [goals_of(of_seed(document, seed)) for seed in seeds(document)] or [goals_of(document)]
    return [SeededGoal(list(found)) for found in zip(*runs, strict=True)]


def of_seed(document: Document, seed: int) -> Document:
    """What one seed gave."""
    parts = ("cases", "filters", "campaign")
    return document | {part: [record for record in document[part] if record["seed"] == seed] for part in parts}


def goals_of(document: Document) -> list[Goal]:
    """Every goal, in a document of one seed."""
    return [
        *_pruned(document),
        *_whole_scan(document),
        _best_peer("27,000 skewed, batch 32", 8, find(document, "skewed", CAMPAIGN_ITEMS, 32)),
        *_threads(document),
        *_hnsw(document),
        *_filters(document),
        *_mismatches(document),
        _memory(document),
    ]


def _pruned(document: Document) -> Iterator[Goal]:
    for kind, name in (("skewed", "1M skewed"), ("learned", "learned")):
        items = MILLION if kind == "skewed" else None
        yield _best_peer(f"{name}, batch 1", 20, find(document, kind, items, 1))
        yield _best_peer(f"{name}, batch 32", 20, find(document, kind, items, 32))
        record = find(document, kind, items, 32)
        yield _against(f"{name}, batch 32: against {FLAT} by default", 60, record, FLAT)


def _whole_scan(document: Document) -> Iterator[Goal]:
    one, batch = find(document, "equal", MILLION, 1), find(document, "equal", MILLION, 32)
    yield _best_peer("1M equal norms, batch 1", 5, one)
    shares = [bandwidth_share(one, time) for time in TIMES] if one else [None, None]
    note = f"of {one['bandwidth_gb_s']:.1f} GB/s, at load {one['load']}" if one else ""
    yield Goal(
        "1M equal norms, batch 1: share of read bandwidth", 0.7, shares[0], "%", note=note, by_processor=shares[1]
    )
    yield _best_peer("1M equal norms, batch 32", 8, batch)
    peak = document.get("int8_peak_gmacs")
    rates = [multiply_adds_per_s(batch, time) / (1e9 * peak) for time in TIMES] if batch and peak else [None, None]
    note = f"of {peak:g} G multiply-adds/s, as given" if peak else "no peak given (--int8-peak)"
    what = "1M equal norms, batch 32: share of int8 peak"
    yield Goal(what, 0.75, rates[0], "%", note=note, by_processor=rates[1])


def _threads(document: Document) -> Iterator[Goal]:
    for kind in ("equal", "skewed"):
        one, two = find(document, kind, MILLION, 32), find(document, kind, MILLION, 32, threads=2)
        ratio = ours_ms(one) / ours_ms(two) if one and two else None
        note = f"at load {one['load']} and {two['load']}" if one and two else ""
        yield Goal(f"1M {kind}, batch 32: two threads against one", 1.8, ratio, note=note)


def _hnsw(document: Document) -> Iterator[Goal]:
    for batch in (1, 32):
        record = find(document, "skewed", MILLION, batch, k=20)
        hnsw = record["contenders"].get(HNSW) if record else None
        note = f"its recall {hnsw['recall']:.3f}, ef {hnsw['ef_search']}" if hnsw else ""
        if hnsw and hnsw["recall"] < HNSW_RECALL:
            note += f", below {HNSW_RECALL}"
        yield _against(f"1M skewed, k 20, batch {batch}: against HNSW", 1, record, HNSW, note)


def _filters(document: Document) -> Iterator[Goal]:
    for kind in ("equal", "skewed"):
        records = [record for record in document["filters"] if record["kind"] == kind]
        worst = max(records, key=lambda record: record["ratio"], default=None)
        note = f"{100 * worst['eligible']:g}% eligible, batch {worst['batch']}" if worst else ""
        by_processor = max((record["processor_ratio"] for record in records), default=None)
        what, ratio = f"{kind}, filters: slowest against none", worst and worst["ratio"]
        yield Goal(what, 1.15, ratio, at_most=True, note=note, by_processor=by_processor)
        wrong = sum(record["mismatches"] for record in records) if records else None
        yield Goal(f"{kind}, filters: mismatches", 0, wrong, "", at_most=True)


def _mismatches(document: Document) -> Iterator[Goal]:
    for kind in ("equal", "skewed", "learned"):
        counts = [record for record in document["campaign"] if record["kind"] == kind]
        cases = [record for record in document["cases"] if record["kind"] == kind]
        queries = sum(r["queries"] for r in counts) + sum(r["checked_queries"] for r in cases)
        wrong = sum(record["mismatches"] for record in [*counts, *cases]) if queries else None
        yield Goal(f"{kind}: mismatches", 0, wrong, "", at_most=True, note=f"in {queries:,} queries")


def _memory(document: Document) -> Goal:
    record = find(document, "equal", MILLION, 1) or find(document, "skewed", CAMPAIGN_ITEMS, 32)
    beyond = record["stats"]["bytes"] / (4 * record["items"] * record["dimension"]) - 1 if record else None
    return Goal("memory beyond the float32 vectors", 0.3, beyond, "%", at_most=True)


def _best_peer(what: str, limit: float, record: Record | None) -> Goal:
    best = best_exact_peer(record) if record else None
    return _against(what, limit, record, best, f"against {best}" if best else "")


def _against(what: str, limit: float, record: Record | None, peer: str | None, note: str = "") -> Goal:
    found = record["contenders"].get(peer) if record else None
    if found is None:
        return Goal(what, limit, None)
    return Goal(what, limit, found["ratio"], note=note, by_processor=found["processor_ratio"])


def find(
    document: Document, kind: str, items: int | None, batch: int, *, threads: int = 1, k: int = 100
) -> Record | None:
    """Record of a case; None for `items` takes any size."""
    wanted = {"kind": kind, "batch": batch, "threads": threads, "k": k} | ({"items": items} if items else {})
    return next((r for r in document["cases"] if all(r[key] == value for key, value in wanted.items())), None)


def best_exact_peer(record: Record) -> str | None:
    """The fastest of the others that promise the exact answer up to float32."""
    exact = {name: found for name, found in record["contenders"].items() if found["exact"] and name != OURS}
    return min(exact, key=lambda name: exact[name]["median_ms"], default=None)


def ours_ms(record: Record, time: str = "median_ms") -> float:
    return float(record["contenders"][OURS][time])


def bandwidth_share(record: Record, time: str = "median_ms") -> float:
    """Of a scan of everything; where norms let the scan stop early, it reads less than this assumes."""
    return float(record["scan_bytes"] / (ours_ms(record, time) / 1e3) / (1e9 * record["bandwidth_gb_s"]))


def multiply_adds_per_s(record: Record, time: str = "median_ms") -> float:
    """As if every item were looked at."""
    return float(record["items"] * record["dimension"] * record["batch"] / (ours_ms(record, time) / 1e3))
