"""Which column of a file is the user, the item and so on."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ColumnMapping:
    """Names in the file of the columns that matter; None is found by its usual names, or absent."""

    user: str | None = None
    item: str | None = None
    rating: str | None = None
    timestamp: str | None = None
    weight: str | None = None
    type: str | None = None
