"""Data sets: fetched by name or read from a file, cleaned and coded."""

from pathlib import Path

from recstream_trainer.datasets.cleaning import CleaningReport, CleaningRules, CleaningStep
from recstream_trainer.datasets.columns import ColumnMapping
from recstream_trainer.datasets.dataset import Dataset

__all__ = ["CleaningReport", "CleaningRules", "CleaningStep", "ColumnMapping", "Dataset", "load_dataset"]


def load_dataset(
    source: str,
    *,
    columns: ColumnMapping | None = None,
    cleaning: CleaningRules | None = None,
    items: Path | None = None,
    cache_dir: Path | None = None,
    download: bool = True,
) -> Dataset:
    """Load a named set, or a CSV, TSV or Parquet file; see docs/data.md.

    Raises
    ------
    DataError
        Unknown name or file, columns not found, or nothing left after cleaning; says what is there and the remedy.
    """
    raise NotImplementedError
