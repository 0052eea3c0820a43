"""The event log: what users did, durable, in one order. It is the source of truth; user state is a fold of it."""

from recstream_server.event_log.protocol import AppendResult, EventLog, NewEvent, Receipt, StoredEvent
from recstream_server.event_log.sqlite import SqliteEventLog

__all__ = ["AppendResult", "EventLog", "NewEvent", "Receipt", "SqliteEventLog", "StoredEvent"]
