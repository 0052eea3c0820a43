"""All events of a server's log, as a table."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import polars as pl

from recstream.errors import DataError
from recstream.event_log_format import LogPlace
from recstream_trainer.datasets.event_log import PREFIX, log_file, log_place, open_log, unreadable

_CHUNK = 100_000
_SCHEMA: Final = {
    "version": pl.Int64,
    "event_id": pl.String,
    "user": pl.String,
    "session": pl.String,
    "item": pl.String,
    "type": pl.String,
    "value": pl.Float64,
    "time_us": pl.Int64,
    "token": pl.String,
    "attributes": pl.String,
}
_SELECT = (
    "SELECT version, event_id, user_id, session_id, item_id, event_type, value, event_time_us, attribution_token,"
    " attributes FROM events WHERE version > ? AND version <= ? ORDER BY version LIMIT ?"
)


def read_events(state: Path) -> tuple[pl.DataFrame, LogPlace]:
    """Read every event of a server's state folder, whether it runs or not, and where the log ended.

    Returns
    -------
    polars.DataFrame
        By rising ``version``; ``event_id``, ``user``, ``session``, ``item``, ``type``, ``value``, ``time_us``
        (microseconds since 1970), ``token`` and ``attributes`` (JSON, or empty) as the log has them, and ``person``:
        the user, or the session of somebody without a user id.
    LogPlace

    Raises
    ------
    DataError
        No event log there, one that cannot be read, or an empty one.
    """
    path = log_file(state)
    chunks: list[pl.DataFrame] = []
    reached = 0
    try:
        with closing(open_log(path)) as log:
            place = log_place(log)
            while rows := log.execute(_SELECT, (reached, place.version, _CHUNK)).fetchall():
                reached = rows[-1][0]
                chunks.append(pl.DataFrame(rows, schema=_SCHEMA, orient="row"))
    except sqlite3.Error as error:
        raise unreadable(path, error) from error
    if not chunks:
        raise DataError(f"{PREFIX}{state}: the log holds no events yet")
    # The first character keeps a user and a session of one name apart.
    person = pl.when(pl.col("user") != "").then("u" + pl.col("user")).otherwise("s" + pl.col("session"))
    return pl.concat(chunks).with_columns(person=person), place
