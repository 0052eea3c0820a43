"""Makes events durable and applies them, many to a commit."""

import copy
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple, TypeVar

import structlog

from recstream._core import Engine
from recstream.errors import OverloadedError, RecstreamError, UnavailableError
from recstream.event_types import EventTypes
from recstream_server.event_log import AppendResult, EventLog, NewEvent, Receipt, StoredEvent
from recstream_server.recovery import replay, to_applied

_LOGGER = structlog.get_logger(__name__)
_CHECK_S = 1.0
_T = TypeVar("_T")

EventResult = Receipt | RecstreamError


class Completion(NamedTuple):
    """The end of one event: calling it hands the result to whoever submitted the event."""

    complete: Callable[[EventResult], None]
    result: EventResult

    def __call__(self) -> None:
        """Call `complete` with `result`."""
        self.complete(self.result)


Submission = tuple[NewEvent, Callable[[EventResult], None]]
"""An event, and what gets a receipt once it is durable and applied, or an error."""


def complete_all(completions: Sequence[Completion]) -> None:
    """Call every completion, in order; one that fails does not keep the others from theirs."""
    for completion in completions:
        try:
            completion()
        except Exception:
            _LOGGER.exception("event_completion_failed")


class EventWriter:
    """One thread that takes events from a bounded queue: durable commit, then state, then acknowledgement.

    Whatever queues up while a commit runs goes into the next one, so batches grow with the load, and no event waits for
    a timer. Events are stored, applied and completed in the order they were submitted. When the log fails, every event
    of the batch gets the error and none is applied; each further batch tries again, and in between the log is checked
    every second, so that the writer comes back by itself.

    Parameters
    ----------
    log : EventLog
    engine : Engine
        Up to date with `log`.
    event_types : EventTypes
    queue_limit : int
        Events that may wait.
    batch_limit : int
        Events of one commit.
    on_applied : sequence of callable
        Each given, in turn, the (user_id, session_id) pairs whose state a batch changed, before their events complete.
        Called, as all of these are, from the writer's thread.
    on_available : callable, optional
        Given False when the log begins to fail and True when it works again.
    deliver : callable, optional
        Given the completions of a batch, at once, to call them where they belong; calls them itself by default.
    """

    def __init__(
        self,
        log: EventLog,
        engine: Engine,
        event_types: EventTypes,
        *,
        queue_limit: int = 10_000,
        batch_limit: int = 1024,
        on_applied: Sequence[Callable[[Collection[tuple[str, str]]], None]] = (),
        on_available: Callable[[bool], None] = lambda _available: None,
        deliver: Callable[[list[Completion]], None] = complete_all,
    ) -> None:
        self._log = log
        self._engine = engine
        self._event_types = event_types
        self._queue_limit = queue_limit
        self._batch_limit = batch_limit
        self._on_applied = on_applied
        self._on_available = on_available
        self._deliver = deliver
        self._queue: deque[Submission] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._available = True
        # Whether the log may have events that the engine has not: set while a batch is between the two.
        self._behind = False
        self._thread = threading.Thread(target=self._run, name="event-writer", daemon=True)
        self._thread.start()

    @property
    def available(self) -> bool:
        """False while the log fails."""
        return self._available

    @property
    def queued(self) -> int:
        """Events that wait for the next commit."""
        return len(self._queue)

    def submit(self, event: NewEvent, complete: Callable[[EventResult], None]) -> None:
        """Queue an event; never blocks. `complete` gets a receipt once the event is durable and applied, or an error.

        Raises
        ------
        OverloadedError
            The queue is full.
        UnavailableError
            The writer is closed.
        """
        _, refusal = self._enqueue([(event, complete)])
        if refusal is not None:
            raise refusal

    def submit_each(self, events: Sequence[Submission]) -> None:
        """Queue events at once, so that they share commits; those that `submit` would refuse are completed with why."""
        queued, refusal = self._enqueue(events)
        if refusal is not None:
            complete_all([Completion(complete, copy.copy(refusal)) for _, complete in events[queued:]])

    def _enqueue(self, events: Sequence[Submission]) -> tuple[int, RecstreamError | None]:
        """Queue as many of the first events as there is room for; how many those are, and why not all."""
        with self._changed:
            if self._closed:
                return 0, UnavailableError(
                    "the server is shutting down; send the event to another one", reason="SHUTTING_DOWN"
                )
            room = self._queue_limit - len(self._queue)
            self._queue.extend(events[:room])
            self._changed.notify()
        if room >= len(events):
            return len(events), None
        return room, OverloadedError(f"{self._queue_limit} events are waiting to be stored; try again later")

    def close(self, timeout_s: float) -> bool:
        """Refuse new events, complete those accepted, and say whether that was done within the time."""
        with self._changed:
            self._closed = True
            self._changed.notify()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._queue or self._closed, None if self._available else _CHECK_S)
                if self._closed and not self._queue:
                    return
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._batch_limit))]
            if batch:
                self._process(batch)
            else:
                self._check()

    def _process(self, batch: list[Submission]) -> None:
        events = [event for event, _ in batch]
        results: Sequence[EventResult]
        try:
            results = self._store(events)
        except RecstreamError as error:
            self._set_available(available=False)
            # A copy each: an error that several callers raise would gather all their tracebacks.
            results = [copy.copy(error) for _ in batch]
        else:
            self._set_available(available=True)
        self._guard(
            self._deliver, [Completion(complete, result) for (_, complete), result in zip(batch, results, strict=True)]
        )

    def _store(self, events: list[NewEvent]) -> list[AppendResult]:
        """Commit, then apply."""
        try:
            if self._behind:
                replay(self._log, self._engine, self._event_types)
                self._behind = False
            results = self._log.append(events)
            self._behind = True
            self._apply(events, results)
            self._behind = False
        except RecstreamError:
            raise
        except Exception as error:
            _LOGGER.exception("event_batch_failed", events=len(events))
            raise UnavailableError(
                "event log: an event could not be applied; see the server's log", reason="EVENT_LOG_UNAVAILABLE"
            ) from error
        return results

    def _apply(self, events: list[NewEvent], results: list[AppendResult]) -> None:
        new = [
            StoredEvent(result.state_version, *event)
            for event, result in zip(events, results, strict=True)
            if isinstance(result, Receipt) and not result.duplicate
        ]
        if new:
            self._engine.apply(to_applied(new, self._event_types))
            pairs = {(event.user_id, event.session_id) for event in new}
            for callback in self._on_applied:
                self._guard(callback, pairs)

    def _check(self) -> None:
        try:
            self._log.check()
        except RecstreamError:
            return
        self._set_available(available=True)

    def _set_available(self, *, available: bool) -> None:
        if available != self._available:
            self._available = available
            _LOGGER.warning("event_log_available" if available else "event_log_unavailable")
            self._guard(self._on_available, available)

    def _guard(self, callback: Callable[[_T], None], argument: _T) -> None:
        """A caller's error must not end the thread, and with it every event."""
        try:
            callback(argument)
        except Exception:
            _LOGGER.exception("event_callback_failed")
