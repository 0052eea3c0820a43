"""What serving is to reach, and what a run found. A goal is met when the medians of its repeats meet it."""

import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from benchmarks.serving.contenders import ECHO_AIO, ECHO_NATIVE, NATIVE, PYTHON
from benchmarks.serving.pauses import causes

Document = dict[str, Any]
Record = dict[str, Any]
_CORES = "native, 1M, k 20: two cores against one"
SHORT = {PYTHON: "python", NATIVE: "native"}


@dataclass(frozen=True)
class Goal:
    """One line of the table.

    Attributes
    ----------
    measured : one figure for each repeat, none where nothing tells
    at_most : whether `limit` is the most allowed, instead of the least wanted
    by_processor : the same by the servers' processor time. On a busy machine wall time flatters whom the scheduler
        favours, so where there is this, both have to reach the limit.
    """

    what: str
    limit: float
    measured: list[float]
    unit: str = "x"
    at_most: bool = False
    note: str = ""
    by_processor: list[float] = field(default_factory=list)

    @property
    def state(self) -> str:
        if not self.measured or any(map(math.isnan, self.measured)):
            return "not measured"
        middles = [statistics.median(found) for found in (self.measured, self.by_processor) if found]
        met = all(middle <= self.limit if self.at_most else middle >= self.limit for middle in middles)
        return "met" if met else "missed"

    def cells(self) -> tuple[str, str, str, str, str, str]:
        """What, wanted, measured in each repeat, state, by processor time, note."""
        wanted = f"{'<=' if self.at_most else '>='} {self._show(self.limit)}"
        measured, by_processor = (
            " / ".join(map(self._show, found)) or "-" for found in (self.measured, self.by_processor)
        )
        return self.what, wanted, measured, self.state, by_processor, self.note

    def _show(self, value: float) -> str:
        if self.unit == "%":
            return f"{100 * value:.1f}%"
        return f"{value:,.0f}{self.unit}" if abs(value) >= 1000 else f"{value:.2f}{self.unit}"


def goals(document: Document) -> list[Goal]:
    """Every goal: those of the Python plane, those of the native one, and those of both."""
    found = Findings(document)
    return [*_python(found), *_native(found), *(goal for plane in (PYTHON, NATIVE) for goal in _both(found, plane))]


class Findings:
    """The records of a document, by what a goal asks for."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def reads(
        self, contender: str, catalogue: str, k: int, *, mode: str = "unary", concurrency: int = 32
    ) -> list[Record]:
        """Of one contender in one case, in the order of the repeats."""
        case = {"catalogue": catalogue, "k": k, "mode": mode, "concurrency": concurrency, "contender": contender}
        return _matching(self._document["reads"], case)

    def writes(self, what: str, plane: str, **more: str) -> list[Record]:
        """Of one plane, in the order of the repeats."""
        return _matching(self._document["writes"], {"what": what, "plane": plane} | more)

    def best_peer(self, catalogue: str, k: int, *, exact: bool) -> str:
        """The fastest of the others, by the median of its repeats; empty when there is none."""
        names = {r["contender"] for r in self._document["reads"] if r["exact"] is exact} - {NATIVE, PYTHON}
        rates = {name: self.reads(name, catalogue, k) for name in names}
        medians = {name: statistics.median(r["per_s"] for r in found) for name, found in rates.items() if found}
        return max(medians, key=lambda name: medians[name], default="")


def _matching(records: list[Record], wanted: Record) -> list[Record]:
    found = [record for record in records if all(record.get(key) == value for key, value in wanted.items())]
    return sorted(found, key=lambda record: int(record["repeat"]))


def _python(found: Findings) -> Iterator[Goal]:
    for mode in ("unary", "stream"):
        ours, echo = (found.reads(name, "ml-1m", 10, mode=mode) for name in (PYTHON, ECHO_AIO))
        yield _ratio(f"python, ml-1m, k 10, {mode}: against the echo of grpc.aio", 0.8, ours, echo)
    yield from _against_peers(found, PYTHON, "100k", exact=4, hnsw=2)
    yield from _against_peers(found, PYTHON, "1M", exact=6, hnsw=None)
    yield _p99_against_peer(found, PYTHON)
    for durability, limit in (("os", 2), ("fsync", 4)):
        yield _visible(found, PYTHON, durability, limit)


def _native(found: Findings) -> Iterator[Goal]:
    for mode in ("unary", "stream"):
        ours, echo = (found.reads(name, "ml-1m", 10, mode=mode) for name in (NATIVE, ECHO_NATIVE))
        yield _ratio(f"native, ml-1m, k 10, {mode}: against the C++ echo", 0.6, ours, echo)
    ours = found.reads(NATIVE, "ml-1m", 10)
    yield _ratio("native, ml-1m, k 10, unary: against the Python plane", 4, ours, found.reads(PYTHON, "ml-1m", 10))
    note = "for an echo of 52,000 to 57,000 a second"
    yield Goal("native, ml-1m, k 10, unary: calls a second", 30_000, [r["per_s"] for r in ours], "", note=note)
    alone, echo = (found.reads(name, "ml-1m", 10, concurrency=1) for name in (NATIVE, ECHO_NATIVE))
    what = "native, ml-1m, k 10, one call at a time: p50 against the C++ echo's"
    yield _ratio(what, 1.5, alone, echo, of="query_p50_ms", at_most=True)
    yield from _against_peers(found, NATIVE, "100k", exact=10, hnsw=5)
    yield from _against_peers(found, NATIVE, "1M", exact=12, hnsw=None)
    yield _p99_against_peer(found, NATIVE)
    for durability, limit in (("os", 1), ("fsync", 3)):
        yield _visible(found, NATIVE, durability, limit)
    for durability in ("os", "fsync"):
        rates = [record["per_s"] for record in found.writes("events on one stream", NATIVE, durability=durability)]
        yield Goal(f"native, {durability}: events a second acknowledged on one stream", 20_000, rates, "")
    one, two = (found.writes(what, NATIVE) for what in ("one core", "two cores"))
    yield _ratio(_CORES, 1.7, two, one, note="the load shares the two")


def _both(found: Findings, plane: str) -> Iterator[Goal]:
    name = SHORT[plane]
    steady = found.writes("reads and events at half", plane)
    ratios = [record["query_p999_ms"] / record["query_p50_ms"] for record in steady]
    note = "; ".join(_pauses(record) for record in steady)
    yield Goal(f"{name}, half capacity, 5% events: p99.9 / p50 of reads", 6, ratios, at_most=True, note=note)
    held = found.writes("watchers", plane)
    each, slower = ([record[key] for record in held] for key in ("kib_each", "slower"))
    yield Goal(f"{name}, 1,000 idle watchers: memory of each", 64, each, " KiB", at_most=True)
    note = "by processor time " + " / ".join(f"{100 * record['slower_by_cpu']:.1f}%" for record in held) if held else ""
    yield Goal(f"{name}, 1,000 idle watchers: unary calls slower by", 0.1, slower, "%", at_most=True, note=note)


def _pauses(record: Record) -> str:
    named = causes(record.get("pauses", []))
    told = f"{record['query_over_20_ms']} over 20 ms, longest {record['query_max_ms']:.0f} ms"
    return f"{told} ({named})" if named else told


def _against_peers(found: Findings, ours: str, catalogue: str, *, exact: float, hnsw: float | None) -> Iterator[Goal]:
    name = SHORT[ours]
    for limit, is_exact, kind in ((exact, True, "fastest exact peer"), (hnsw, False, "HNSW")):
        if limit is None:
            continue
        peer = found.best_peer(catalogue, 20, exact=is_exact)
        theirs = found.reads(peer, catalogue, 20)
        note = f"{peer}, recall {theirs[0]['recall']:.3f}" if theirs else ""
        what = f"{name}, {catalogue}, k 20, 32 at a time: against the {kind}"
        yield _ratio(what, limit, found.reads(ours, catalogue, 20), theirs, note=note)


def _p99_against_peer(found: Findings, ours: str) -> Goal:
    peer = found.best_peer("1M", 20, exact=True)
    what = f"{SHORT[ours]}, 1M, k 20, 32 at a time: p99 against the fastest exact peer's"
    pair = (found.reads(name, "1M", 20) for name in (ours, peer))
    return _ratio(what, 1, *pair, of="query_p99_ms", at_most=True, note=peer)


def _visible(found: Findings, plane: str, durability: str, limit: float) -> Goal:
    records = found.writes("pairs at half", plane, durability=durability)
    rates = " / ".join(f"{record['per_s']:,.0f}" for record in records)
    note = f"at {rates} pairs a second" if records else ""
    what = f"{SHORT[plane]}, {durability}: event to visible at half load, p99"
    return Goal(what, limit, [record["visible_p99_ms"] for record in records], " ms", at_most=True, note=note)


def _ratio(
    what: str,
    limit: float,
    ours: list[Record],
    theirs: list[Record],
    *,
    of: str = "per_s",
    at_most: bool = False,
    note: str = "",
) -> Goal:
    """Of the same repeat each; a contender that failed has no figures."""
    first, second = ({record["repeat"]: record for record in records} for records in (ours, theirs))
    repeats = sorted(first.keys() & second.keys())
    ratios = [first[repeat][of] / second[repeat][of] for repeat in repeats]
    by_processor = [second[repeat]["server_us"] / first[repeat]["server_us"] for repeat in repeats]
    told = by_processor if of == "per_s" and what != _CORES else []
    return Goal(what, limit, ratios, at_most=at_most, note=note, by_processor=told)
