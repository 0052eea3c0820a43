"""Data sets: fetched by name, read from a file or from a server's event log, cleaned and coded."""

from pathlib import Path

from recstream.errors import DataError
from recstream_trainer.datasets.cleaning import CleaningRules, clean
from recstream_trainer.datasets.cleaning_report import CleaningReport, CleaningStep
from recstream_trainer.datasets.columns import ColumnMapping
from recstream_trainer.datasets.dataset import Dataset
from recstream_trainer.datasets.event_log import PREFIX, read_event_log
from recstream_trainer.datasets.fetching import default_cache
from recstream_trainer.datasets.named_sets import NAMED_SETS, named_set
from recstream_trainer.datasets.tables import read_items, read_tables

__all__ = [
    "NAMED_SETS",
    "CleaningReport",
    "CleaningRules",
    "CleaningStep",
    "ColumnMapping",
    "Dataset",
    "default_cache",
    "load_dataset",
    "named_set",
]


def load_dataset(
    source: str,
    *,
    columns: ColumnMapping | None = None,
    cleaning: CleaningRules | None = None,
    items: Path | None = None,
    cache_dir: Path | None = None,
    download: bool = True,
) -> Dataset:
    """Load a named set, a CSV, TSV or Parquet file, or a server's event log; see docs/data.md.

    Parameters
    ----------
    source : str
        A name of `NAMED_SETS`, a path, or ``events:`` and the state folder of a server.
    columns : ColumnMapping, optional
        For a file whose columns do not have usual names.
    cleaning : CleaningRules, optional
    items : Path, optional
        A file of item attributes, or a bundle that has them; for a file of interactions, or an event log.
    cache_dir : Path, optional
        By default ``$RECSTREAM_CACHE``, or ``~/.cache/recstream``.
    download : bool
        Whether a named set that is not in the cache may be fetched.

    Raises
    ------
    DataError
        Unknown name or file, columns not found, or nothing left after cleaning; says what is there and the remedy.
    """
    rules = cleaning or CleaningRules()
    if source in NAMED_SETS:
        if columns is not None or items is not None:
            raise DataError(f"{source}: a named set has its own columns and items; leave them out, or give a file")
        return clean(source, NAMED_SETS[source].read(cache_dir or default_cache(), download=download), rules)
    if source.startswith(PREFIX):
        if columns is not None:
            raise DataError(f"{source}: an event log has its own columns; leave them out")
        attributes = None if items is None else read_items(items, "item")
        state = Path(source.removeprefix(PREFIX))
        return clean("events", read_event_log(state, rules.event_types, attributes), rules)
    path = Path(source)
    if not path.exists():
        raise DataError(f"{source}: is neither a file nor one of the named sets {', '.join(NAMED_SETS)}")
    return clean(path.name.partition(".")[0], read_tables(path, columns or ColumnMapping(), items), rules)
