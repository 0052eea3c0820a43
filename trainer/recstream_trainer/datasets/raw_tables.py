"""What a reader hands to cleaning."""

from dataclasses import dataclass

import polars as pl

from recstream.event_log_format import LogPlace
from recstream_trainer.datasets.cleaning_report import CleaningStep


@dataclass(frozen=True)
class RawTables:
    """A source as it was read.

    Attributes
    ----------
    rows : polars.DataFrame
        ``user`` and ``item``, and where the source has them ``rating``, ``timestamp``, ``weight`` and ``type``, of any
        type that can be read as what it is meant to be: the text of a number is as good as the number.
    items : polars.DataFrame, optional
        ``item`` (text) and a column per attribute.
    left_out : CleaningStep, optional
        What the reader left out: lines that did not even make a row, events that say nothing.
    log : LogPlace, optional
        Where the event log ended that the rows came from.
    """

    rows: pl.DataFrame
    items: pl.DataFrame | None = None
    left_out: CleaningStep | None = None
    log: LogPlace | None = None
