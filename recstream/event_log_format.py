"""The file of the event log: what a server writes, and what a trainer reads beside it or after it.

An SQLite database in WAL mode, in the server's state folder. ``PRAGMA user_version`` is `FORMAT_VERSION`. A row is an
event and never changes; `version` is its place in the log, and rises in the order of the commits. The one row of
`identity` says which log this is, for ever: a copy of the file has the same.
"""

from typing import Final, NamedTuple


class LogPlace(NamedTuple):
    """A place in one log."""

    log_id: str
    """Of `identity`: 32 hexadecimal digits."""
    version: int
    """Of an event; 0 before the first."""


FILE: Final = "events.db"
"""Name of the file in the state folder."""

FORMAT_VERSION: Final = 2

_ADDED_BY_2 = """
CREATE TABLE identity (log_id TEXT NOT NULL) STRICT;
INSERT INTO identity VALUES (lower(hex(randomblob(16))));
"""

# AUTOINCREMENT: a version is never given twice, not even after the newest events were erased. The index on user_id
# ends in the rowid, which is the version, so it yields a user's events in order without naming it. An event of nobody
# is one that the engine would refuse, at every start, once it is in the log.
SCHEMA: Final = f"""
BEGIN;
CREATE TABLE events (
    version INTEGER PRIMARY KEY AUTOINCREMENT,
    event_id TEXT NOT NULL UNIQUE,
    user_id TEXT NOT NULL,
    session_id TEXT NOT NULL,
    item_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    value REAL,
    event_time_us INTEGER NOT NULL,
    attribution_token TEXT NOT NULL DEFAULT '',
    attributes TEXT NOT NULL DEFAULT '',
    CHECK (user_id <> '' OR session_id <> '')
) STRICT;
CREATE INDEX events_by_user ON events (user_id);
{_ADDED_BY_2}PRAGMA user_version = {FORMAT_VERSION};
COMMIT;
"""
"""Makes the tables in an empty file. An empty `user_id` or `session_id` is one that is not known. `attributes` is a
JSON object of the event's attributes (text, numbers, flags and lists of text by name), or empty when it has none."""

UPGRADE_FROM_1: Final = f"""
BEGIN;
ALTER TABLE events ADD COLUMN attribution_token TEXT NOT NULL DEFAULT '';
ALTER TABLE events ADD COLUMN attributes TEXT NOT NULL DEFAULT '';
{_ADDED_BY_2}
PRAGMA user_version = {FORMAT_VERSION};
COMMIT;
"""
"""Makes a file of format 1 one of format 2."""
