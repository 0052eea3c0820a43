"""The events that a server has collected, as interactions.

The file is read with the standard library's SQLite, which may be older than the server's and have the WAL-reset bug.
That bug needs two connections that write or checkpoint; this one is opened read-only and does neither, whether the
server runs, has ended or was killed. It must not be opened in the process of the server: closing one SQLite library's
file drops the locks of another's.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Final

import polars as pl

from recstream import event_log_format
from recstream.errors import DataError
from recstream.event_log_format import LogPlace
from recstream.event_types import EventTypes
from recstream_trainer.datasets.cleaning_report import CleaningStep
from recstream_trainer.datasets.raw_tables import RawTables

PREFIX: Final = "events:"
"""Of a source that is the state folder of a server."""

_OLDEST_SQLITE = (3, 37, 0)
_CHUNK = 100_000
_BUSY_TIMEOUT_S = 10.0
_COLUMNS: Final = {
    "user": pl.String,
    "item": pl.String,
    "type": pl.String,
    "value": pl.Float64,
    "timestamp": pl.Int64,
}
# Each chunk is a read of its own: a long one would keep the write-ahead log from being emptied, and a server from
# starting. Rows are never altered, so together the chunks are the log as it was at the first.
_SELECT = (
    "SELECT version, user_id, item_id, event_type, value, event_time_us FROM events"
    " WHERE version > ? AND version <= ? ORDER BY version LIMIT ?"
)


def read_event_log(state: Path, types: EventTypes, items: pl.DataFrame | None) -> RawTables:
    """Read the event log of a state folder, whether its server runs or not.

    An event weighs what its type does. What a user's aversions to an item weigh is taken off their other events of it,
    as in the server's state; types without a weight, such as impressions, are left out.

    Parameters
    ----------
    state : Path
        The server's ``--state``.
    types : EventTypes
        As the server has them.
    items : polars.DataFrame, optional
        As in `RawTables`.

    Returns
    -------
    RawTables
        Times are microseconds since 1970.

    Raises
    ------
    DataError
        No event log there, one that cannot be read, or an empty one.
    """
    path = log_file(state)
    left_out: Counter[str] = Counter()
    chunks: list[pl.DataFrame] = []
    try:
        with closing(open_log(path)) as log:
            place = log_place(log)
            for chunk in _chunks(log, place.version):
                weighed = chunk.with_columns(_weight(types))
                left_out.update(dict(weighed.filter(weight=0)["type"].value_counts().iter_rows()))
                chunks.append(weighed.filter(pl.col("weight") != 0).drop("type", "value"))
    except sqlite3.Error as error:
        raise unreadable(path, error) from error
    if not chunks:
        raise DataError(f"{PREFIX}{state}: the log holds no events yet")
    rows = pl.concat(chunks)
    return RawTables(_less_aversions(rows), items, _told(rows.height, left_out, types), place)


def log_file(state: Path) -> Path:
    """The log in a server's state folder; `DataError` when there is none."""
    path = state / event_log_format.FILE
    if not path.is_file():
        raise DataError(
            f"{PREFIX}{state}: there is no {event_log_format.FILE}; name the folder that the server has as --state"
        )
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        raise DataError(f"{path}: cannot be read by SQLite {sqlite3.sqlite_version}; use a Python with 3.37 or newer")
    return path


def open_log(path: Path) -> sqlite3.Connection:
    """Open a log to read it; ``sqlite3.Error`` when that fails, `DataError` when it is of another format."""
    with ExitStack() as unless_right:
        log = unless_right.enter_context(
            closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_TIMEOUT_S))
        )
        (found,) = log.execute("PRAGMA user_version").fetchone()
        if found != event_log_format.FORMAT_VERSION:
            raise DataError(
                f"{path}: is of format {found}, this trainer reads {event_log_format.FORMAT_VERSION}; start the server"
                " of this recstream on it once, which brings an older one up to date"
            )
        unless_right.pop_all()
    return log


def unreadable(path: Path, error: sqlite3.Error) -> DataError:
    """What to say of a log that SQLite cannot read."""
    return DataError(f"{path}: cannot be read ({error}); run as the user that the server runs as, or restore the file")


def log_place(log: sqlite3.Connection) -> LogPlace:
    """Which log this is, and where it ends."""
    (log_id,) = log.execute("SELECT log_id FROM identity").fetchone()
    (last,) = log.execute("SELECT coalesce(max(version), 0) FROM events").fetchone()
    return LogPlace(log_id, last)


def _chunks(log: sqlite3.Connection, last: int) -> Iterator[pl.DataFrame]:
    reached = 0
    while rows := log.execute(_SELECT, (reached, last, _CHUNK)).fetchall():
        reached = rows[-1][0]
        yield pl.DataFrame([row[1:] for row in rows], schema=_COLUMNS, orient="row")


def _weight(types: EventTypes) -> pl.Expr:
    """`EventTypes.resolve` for a column."""
    kinds = list(types)
    weight = pl.col("type").replace_strict({kind.name: kind.weight for kind in kinds}, default=0.0)
    wanted_from = pl.col("type").replace_strict(
        {kind.name: kind.positive_from for kind in kinds}, default=None, return_dtype=pl.Float64
    )
    turned = (pl.col("value") < wanted_from).fill_null(value=False)
    return pl.when(turned).then(-weight).otherwise(weight).cast(pl.Float64).alias("weight")


def _less_aversions(rows: pl.DataFrame) -> pl.DataFrame:
    """Positive weights of a user and an item scaled so that they add up to all that there is, or 0 if that is less."""
    weight, pair = pl.col("weight"), ["user", "item"]
    share = weight.sum().over(pair) / weight.clip(lower_bound=0).sum().over(pair)
    return rows.with_columns(pl.when(weight > 0).then(weight * share.clip(lower_bound=0)).otherwise(weight))


def _told(rows: int, left_out: Counter[str], types: EventTypes) -> CleaningStep | None:
    if not left_out:
        return None
    examples = tuple(
        f"{count:,} of the type {name}" + ("" if name in types else ", which data.event_types lacks")
        for name, count in left_out.most_common(3)
    )
    return CleaningStep("a type that has a weight", rows + left_out.total(), rows, examples)
