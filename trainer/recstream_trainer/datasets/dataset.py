"""A cleaned data set: interactions between coded users and items, and what is known about the items."""

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property

import polars as pl

from recstream.event_log_format import LogPlace
from recstream_trainer.datasets.cleaning_report import CleaningReport


@dataclass(frozen=True)
class Dataset:
    """Interactions that passed cleaning, with dense codes for users and items.

    Attributes
    ----------
    name : str
        Name of a named set, or the file name without its ending.
    interactions : polars.DataFrame
        In the order of the source. Columns ``user`` and ``item`` (Int32 codes) and, where the source has them,
        ``rating`` (Float32), ``timestamp`` (Int64, in the unit of the source: seconds since 1970 for the named sets)
        and ``weight`` (Float32, above zero). No nulls, no non-finite numbers.
    user_ids, item_ids : list of str
        The id of each code, by first appearance in the cleaned rows.
    items : polars.DataFrame
        A row per item code in code order, a column per attribute (``title``, ``genres`` as List[String], ``year``,
        ...); nulls where the source says nothing. Without columns if the source has no attributes.
    cleaning : CleaningReport
        What was dropped or merged, and why.
    log : LogPlace, optional
        Where the event log ended that the interactions came from.
    images : polars.DataFrame
        A row per item code: ``image_vector`` (List[Float32], all of one length) and ``image_file`` (absolute paths), of
        these what the source has; nulls where an item has no image. They do not go into a bundle.
    """

    name: str
    interactions: pl.DataFrame
    user_ids: list[str]
    item_ids: list[str]
    items: pl.DataFrame
    cleaning: CleaningReport
    log: LogPlace | None = None
    images: pl.DataFrame = field(default_factory=pl.DataFrame)

    @property
    def user_count(self) -> int:
        """Number of users, each with at least one interaction."""
        return len(self.user_ids)

    @property
    def item_count(self) -> int:
        """Number of items, each with at least one interaction."""
        return len(self.item_ids)

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 (hexadecimal) over the cleaned interactions, in order, and the ids; attributes do not enter."""
        digest = hashlib.sha256()
        for column in self.interactions.iter_columns():
            values = column.to_numpy()
            digest.update(f"{column.name}:{values.dtype.str}:{len(values)};".encode())
            digest.update(values.tobytes())
        digest.update(json.dumps([self.user_ids, self.item_ids]).encode())
        return digest.hexdigest()
