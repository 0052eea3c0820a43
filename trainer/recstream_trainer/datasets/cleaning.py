"""What cleaning may do to raw rows, and the account of what it did."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from rich.table import Table


@dataclass(frozen=True)
class CleaningRules:
    """Choices of the cleaning pipeline.

    Attributes
    ----------
    repeats : {"last", "first", "sum", "keep"}
        What becomes of several rows of one user and item: the newest stays, the oldest stays, they become the newest
        row with their weights added up, or all stay. Without timestamps, the order of the source counts as time.
    min_rating : float, optional
        Rows rated lower are dropped (protocol-free training on positives only).
    min_user_interactions, min_item_interactions : int
        Users and items with fewer interactions are dropped, over and over until none is left (k-core). 1 keeps all.
    """

    repeats: Literal["last", "first", "sum", "keep"] = "last"
    min_rating: float | None = None
    min_user_interactions: int = 1
    min_item_interactions: int = 1


@dataclass(frozen=True)
class CleaningStep:
    """What one step of the pipeline did.

    Attributes
    ----------
    name : str
    rows_before, rows_after : int
    examples : tuple of str
        Up to three of the rows that went, as ``column=value`` text.
    """

    name: str
    rows_before: int
    rows_after: int
    examples: tuple[str, ...] = ()

    @property
    def dropped(self) -> int:
        """Rows that the step took out or merged away."""
        return self.rows_before - self.rows_after


@dataclass(frozen=True)
class CleaningReport:
    """The steps of a cleaning run, in order."""

    steps: tuple[CleaningStep, ...]

    def as_json(self) -> list[dict[str, Any]]:
        """The steps as JSON-ready objects."""
        return [asdict(step) | {"dropped": step.dropped} for step in self.steps]

    def as_table(self) -> Table:
        """The steps as a table for a terminal."""
        table = Table("step", "rows before", "dropped", "rows after", "examples", title="Cleaning")
        for step in self.steps:
            counts = (f"{n:,}" for n in (step.rows_before, step.dropped, step.rows_after))
            table.add_row(step.name, *counts, "\n".join(step.examples))
        return table
