"""CSV, TSV and Parquet files as tables."""

import csv
import gzip
from pathlib import Path
from typing import IO

import polars as pl

from recstream.bundle import load_bundle
from recstream.errors import DataError
from recstream_trainer.datasets.attributes import typed_attributes
from recstream_trainer.datasets.cleaning_report import CleaningStep
from recstream_trainer.datasets.columns import ColumnMapping, find_column
from recstream_trainer.datasets.images import with_vectors_beside
from recstream_trainer.datasets.raw_tables import RawTables

_TEXT_ENDINGS = (".csv", ".tsv", ".tab", ".txt")
_SEPARATORS = "\t,;|"


def read_tables(path: Path, columns: ColumnMapping, items: Path | None) -> RawTables:
    """Read a file of interactions and, if given, the attributes of the items; see `read_items`.

    Raises
    ------
    DataError
        A file that cannot be read, or columns that cannot be found.
    """
    table, unreadable = read_table(path)
    roles = columns.resolve(table.columns, path.name)
    rows = table.select(pl.col(column).alias(role) for role, column in roles.items())
    attributes = None if items is None else read_items(items, roles["item"])
    return RawTables(rows, attributes, unreadable)


def read_table(path: Path) -> tuple[pl.DataFrame, CleaningStep | None]:
    """Read one file; a text file as text, to be parsed where the meaning of a column is known.

    Returns
    -------
    table : polars.DataFrame
    unreadable : CleaningStep or None
        Lines with more or fewer values than the header has names, if there are any.

    Raises
    ------
    DataError
        Missing, empty, not UTF-8, damaged, or of a kind that is not known by its ending.
    """
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    ending = path.with_suffix("").suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    if ending not in (".parquet", *_TEXT_ENDINGS):
        raise DataError(
            f"{path.name}: the ending is not one of .parquet {' '.join(_TEXT_ENDINGS)} (text also with .gz)"
        )
    try:
        return (pl.read_parquet(path), None) if ending == ".parquet" else _read_text(path)
    except UnicodeDecodeError as error:
        remedy = "convert it, for example with iconv -f latin1 -t utf-8"
        raise DataError(f"{path.name}: is not UTF-8 at byte {error.start}; {remedy}") from error
    except (pl.exceptions.PolarsError, OSError, EOFError, csv.Error) as error:
        raise DataError(f"{path.name}: cannot be read: {str(error).splitlines()[0]}") from error


def _read_text(path: Path) -> tuple[pl.DataFrame, CleaningStep | None]:
    with _open(path) as file:
        header = file.readline().rstrip("\r\n")
    if not header:
        raise DataError(f"{path.name}: is empty; the first line must name the columns")
    separator = max(_SEPARATORS, key=header.count)
    try:
        return pl.read_csv(path, separator=separator, infer_schema=False), None
    except pl.exceptions.PolarsError:
        # Slow by comparison, but it counts lines of uneven length one by one, and tells where text is not UTF-8.
        return _read_uneven(path, separator)


def _read_uneven(path: Path, separator: str) -> tuple[pl.DataFrame, CleaningStep]:
    with _open(path) as file:
        lines = csv.reader(file, delimiter=separator)
        header = next(lines)
        good: list[list[str]] = []
        bad: list[str] = []
        for number, line in enumerate(lines, start=1):
            if len(line) == len(header):
                good.append(line)
            else:
                bad.append(f"row {number}: {separator.join(line)[:100]}")
    table = pl.DataFrame(good, schema=dict.fromkeys(header, pl.String), orient="row")
    name = f"{len(header)} values, as the header has names"
    return table, CleaningStep(name, len(good) + len(bad), len(good), tuple(bad[:3]))


def _open(path: Path) -> IO[str]:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


def read_items(path: Path, item_column: str) -> pl.DataFrame:
    """Read what is known about the items: a row each, with the id as text in the column ``item``.

    Images come from the columns ``image_vector`` and ``image_file``, or from vectors in a file beside
    (`recstream_trainer.datasets.images`).

    Parameters
    ----------
    path : Path
        A file, or a bundle.
    item_column : str
        Of the interactions; the file may name it so, too.

    Raises
    ------
    DataError
        A file that cannot be read, or without a column of ids.
    BundleError
        A bundle that is damaged.
    """
    if path.is_dir():
        bundle = load_bundle(path)
        return bundle.items.select(pl.exclude("item"), item=pl.Series(bundle.item_ids.to_list(), dtype=pl.String))
    table, _ = read_table(path)
    key = item_column if item_column in table.columns else find_column(table.columns, "item") or find_id(table.columns)
    if key is None:
        listed = ", ".join(table.columns)
        raise DataError(
            f"{path.name}: no column {item_column!r}, item or id; the columns are: {listed}; rename the item's"
        )
    return typed_attributes(with_vectors_beside(table, path), key, path.absolute().parent)


def find_id(columns: list[str]) -> str | None:
    """The column that is named ``id``."""
    return next((column for column in columns if column.lower() == "id"), None)
