"""Queries: every contender over one catalogue, in turns."""

import itertools
import os
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.serving.answers import keep_answers, recall
from benchmarks.serving.catalogues import Catalogue
from benchmarks.serving.contenders import PYTHON, Contender, contenders, ours
from benchmarks.serving.driver import STREAM, STREAMS, Load, queries, run_load
from benchmarks.serving.processes import ServerProcess

Record = dict[str, Any]
LEAST_RECALL = {True: 0.999, False: 0.9, None: 0.0}
"""Of who is exact, approximate, or an echo: rounding to float32 may cost an exact one an item in a thousand."""


@dataclass(frozen=True, order=True)
class ReadCase:
    """What is asked of every contender.

    Attributes
    ----------
    mode : "unary" or "stream"
    """

    catalogue: str
    k: int
    concurrency: int
    mode: str


@dataclass(frozen=True)
class Effort:
    """How long is measured."""

    repeats: int
    seconds: float
    steady_s: float
    """Of the long run at half of the capacity."""


class Field:
    """The contenders that are up, over one catalogue; use it as a context.

    Those that cannot be started are left out, and told in `failures`.
    """

    def __init__(self, catalogue: Catalogue, k: int, names: Sequence[str] | None) -> None:
        self._catalogue, self._k = catalogue, k
        self._wanted = [one for one in contenders() if names is None or one.name in names]
        self._parts = ExitStack()
        self.servers: dict[Contender, ServerProcess] = {}
        self.recalls: dict[Contender, float | None] = {}
        self.failures: list[Record] = []

    def __enter__(self) -> "Field":
        folder = Path(self._parts.enter_context(tempfile.TemporaryDirectory()))
        try:
            with ServerProcess(ours(self._catalogue, folder / "first", PYTHON)) as server:
                answers = keep_answers(server, self._catalogue, self._k, folder)
            for number, contender in enumerate(self._wanted):
                self._start(contender, answers, folder / str(number))
        except BaseException:
            self._parts.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._parts.close()

    def _start(self, contender: Contender, answers: tuple[Path, Path], state: Path) -> None:
        try:
            server = self._parts.enter_context(ServerProcess(contender.command(self._catalogue, answers, state)))
            found = None if contender.exact is None else recall(server, self._catalogue, self._k)
            require_recall(found, LEAST_RECALL[contender.exact])
        except Exception as error:  # noqa: BLE001 - the others go on
            self.fail(contender, error)
        else:
            self.servers[contender], self.recalls[contender] = server, found

    def fail(self, contender: Contender, error: Exception) -> None:
        """Leave a contender out from now on."""
        self.servers.pop(contender, None)
        failure = {"contender": contender.name, "catalogue": self._catalogue.name, "why": f"{error}"[:300]}
        self.failures.append(failure)
        print(f"  {contender.name} left out: {failure['why']}", flush=True)


def require_recall(found: float | None, least: float) -> None:
    """Whoever answers wrongly is not compared."""
    if found is not None and found < least:
        raise AssertionError(f"it answers wrongly: {found:.3f} of the exact top K, not {least}")


def measure_reads(
    catalogue: Catalogue, cases: Iterable[ReadCase], effort: Effort, names: Sequence[str] | None
) -> Iterator[tuple[list[Record], list[Record]]]:
    """For every k, its records and the contenders that failed."""
    for k, of_k in itertools.groupby(sorted(cases), key=lambda case: case.k):
        chosen = list(of_k)
        with Field(catalogue, k, names) as field:
            records = [
                record | {"repeat": repeat}
                for repeat, case in itertools.product(range(effort.repeats), chosen)
                for record in turn(field, catalogue, case, effort, reverse=repeat % 2 == 1)
            ]
            yield records, field.failures


def turn(field: Field, catalogue: Catalogue, case: ReadCase, effort: Effort, *, reverse: bool) -> Iterator[Record]:
    """One turn of each contender; in another order each time."""
    streamed = case.mode == "stream"
    load = Load(
        script=queries(catalogue, case.k, streamed=streamed),
        items=case.k,
        concurrency=case.concurrency,
        seconds=effort.seconds,
    )
    if streamed:
        load = replace(load, streams=min(STREAMS, case.concurrency), path=STREAM)
    for contender in sorted(field.servers, key=lambda one: one.name, reverse=reverse):
        try:
            found = run_load(field.servers[contender], load)
        except Exception as error:  # noqa: BLE001 - as above
            field.fail(contender, error)
            continue
        about = {"contender": contender.name, "exact": contender.exact, "recall": field.recalls[contender]}
        yield vars(case) | about | found | {"load": round(os.getloadavg()[0], 2)}
