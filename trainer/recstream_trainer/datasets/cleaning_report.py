"""The account of what cleaning did."""

from dataclasses import asdict, dataclass
from typing import Any

from rich.markup import escape
from rich.table import Table


@dataclass(frozen=True)
class CleaningStep:
    """What one step of the pipeline did.

    Attributes
    ----------
    name : str
        What every row that is left fulfils.
    rows_before, rows_after : int
    examples : tuple of str
        Up to three of the rows that went, with their number in the source (the first row of data is 1).
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
    """The steps of a cleaning run, in order; at least one."""

    steps: tuple[CleaningStep, ...]

    @property
    def rows_read(self) -> int:
        """Rows of the source."""
        return self.steps[0].rows_before

    def as_json(self) -> list[dict[str, Any]]:
        """The steps as JSON-ready objects."""
        return [asdict(step) | {"dropped": step.dropped} for step in self.steps]

    def as_table(self) -> Table:
        """The steps as a table for a terminal."""
        table = Table("every row has", title="Cleaning", title_justify="left")
        table.add_column("dropped", justify="right")
        table.add_column("left", justify="right")
        table.add_column("examples of what went", overflow="fold")
        for step in self.steps:
            table.add_row(step.name, f"{step.dropped:,}", f"{step.rows_after:,}", escape("\n".join(step.examples)))
        return table
