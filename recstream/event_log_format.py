"""The file of the event log: what a server writes, and what a trainer reads beside it or after it.

An SQLite database in WAL mode, in the server's state folder. ``PRAGMA user_version`` is `FORMAT_VERSION`. A row is an
event and never changes; `version` is its place in the log, and rises in the order of the commits.
"""

from typing import Final

FILE: Final = "events.db"
"""Name of the file in the state folder."""

FORMAT_VERSION: Final = 1

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
    CHECK (user_id <> '' OR session_id <> '')
) STRICT;
CREATE INDEX events_by_user ON events (user_id);
PRAGMA user_version = {FORMAT_VERSION};
COMMIT;
"""
"""Makes the table in an empty file. An empty `user_id` or `session_id` is one that is not known."""
