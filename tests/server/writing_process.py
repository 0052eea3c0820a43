"""Eight threads that write events to a state folder until they are killed: the subject of test_kill.py.

Usage: writing_process.py STATE STEP_BACK [early]. Each line on standard output is one acknowledgement: thread, number,
version. Thread t writes the events 0, 1, 2 ... of its own user; after a restart it goes on STEP_BACK events before the
last one stored. With `early`, events are acknowledged before they are committed: the control, which must lose some.
"""

import os
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from conftest import build_engine, build_event
from recstream_server.event_log import AppendResult, NewEvent, Receipt, SqliteEventLog
from recstream_server.event_source import EventResult
from recstream_server.event_writer import Completion, EventWriter
from recstream_server.recovery import recover
from recstream_server.snapshots import SnapshotStore, Snapshotter
from recstream_server.state_directory import StateDirectory

from recstream.event_types import EventTypes

THREADS = 8
IN_FLIGHT = 16
SNAPSHOT_EVENTS = 100
EARLY_EVENTS = 1000


class EarlyLog(SqliteEventLog):
    """Says at once that events are stored, and commits them by the thousand."""

    _held: Sequence[NewEvent] = ()

    def append(self, events: Sequence[NewEvent]) -> list[AppendResult]:
        first = self.last_version() + len(self._held) + 1
        self._held = [*self._held, *events]
        if len(self._held) >= EARLY_EVENTS:
            super().append(self._held)
            self._held = ()
        return [Receipt(event.event_id, first + place, False) for place, event in enumerate(events)]


def deliver(completions: list[Completion]) -> None:
    """Write down the acknowledgements of a batch, then let the threads go on."""
    lines = []
    for completion in completions:
        assert isinstance(completion.result, Receipt), completion.result
        thread, number = completion.result.event_id.split("-")
        lines.append(f"{thread} {number} {completion.result.state_version}\n")
    os.write(1, "".join(lines).encode())
    for completion in completions:
        completion()


def write(writer: EventWriter, thread: int, start: int) -> None:
    """Keep some events of one user in flight, for ever."""
    window = threading.Semaphore(IN_FLIGHT)

    def complete(_result: EventResult) -> None:
        window.release()

    number = start
    while window.acquire():
        writer.submit(build_event(number, event_id=f"{thread}-{number}", user_id=f"user-{thread}"), complete)
        number += 1


def main(state: Path, step_back: int, make_log: Callable[[Path], SqliteEventLog]) -> None:
    """Recover, then write."""
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger("warning"),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    directory = StateDirectory(state)
    log, engine, event_types = make_log(directory.events_file), build_engine(), EventTypes()
    snapshots = SnapshotStore(state, event_types.fingerprint)
    recover(log, engine, event_types, snapshots)
    Snapshotter(engine, snapshots, every_events=SNAPSHOT_EVENTS, interval_s=0.02)
    writer = EventWriter(log, engine, event_types, deliver=deliver)
    for thread in range(THREADS):
        last = log.read_user(f"user-{thread}", None, 1)
        start = max(0, last[0].event_time_us + 1 - step_back) if last else 0
        threading.Thread(target=write, args=(writer, thread, start)).start()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), EarlyLog if "early" in sys.argv[3:] else SqliteEventLog)
