"""Makes events durable and applies them, many to a commit."""

import copy
import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

import structlog

from recstream._core import Engine
from recstream.errors import OverloadedError, RecstreamError, UnavailableError
from recstream.event_types import EventTypes
from recstream_server.event_log import AppendResult, EventLog, NewEvent, Receipt, StoredEvent
from recstream_server.event_source import EventResult, EventSource, NoEvents
from recstream_server.recovery import replay, to_applied
from recstream_server.telemetry.steps import Timed, untimed

_LOGGER = structlog.get_logger(__name__)
_CHECK_S = 1.0
_T = TypeVar("_T")


class Completion(NamedTuple):
    """The end of one event: calling it hands the result to whoever submitted the event."""

    complete: Callable[[EventResult], None]
    result: EventResult

    def __call__(self) -> None:
        """Call `complete` with `result`."""
        self.complete(self.result)


Submission = tuple[NewEvent, Callable[[EventResult], None]]
"""An event, and what gets a receipt once it is durable and applied, or an error."""


class _Queued(NamedTuple):
    event: NewEvent
    complete: Callable[[EventResult], None]
    after: int
    """How many events of the source go before it."""


def queue_full_error(limit: int) -> OverloadedError:
    """Why an event cannot be queued now."""
    return OverloadedError(f"{limit} events are waiting to be stored; try again later")


def closed_error() -> UnavailableError:
    """Why an event cannot be queued any more."""
    return UnavailableError("the server is shutting down; send the event to another one", reason="SHUTTING_DOWN")


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
    on_results : callable, optional
        Given the results of each batch.
    timed : callable, optional
        Times the steps ``commit``, ``fold`` and ``notify``.
    source : EventSource, optional
        Further events, with the same bound. Nothing is stored before what arrived earlier, here or there.
    """

    def __init__(
        self,
        log: EventLog,
        engine: Engine,
        event_types: EventTypes,
        *,
        queue_limit: int = 10_000,
        batch_limit: int = 1024,
        on_applied: Sequence[Callable[[set[tuple[str, str]]], None]] = (),
        on_available: Callable[[bool], None] = lambda _available: None,
        deliver: Callable[[list[Completion]], None] = complete_all,
        on_results: Callable[[Sequence[EventResult]], None] = lambda _results: None,
        timed: Timed = untimed,
        source: EventSource | None = None,
    ) -> None:
        self._log = log
        self._engine = engine
        self._event_types = event_types
        self._queue_limit = queue_limit
        self._batch_limit = batch_limit
        self._on_applied = on_applied
        self._on_available = on_available
        self._deliver = deliver
        self._on_results = on_results
        self._timed = timed
        self._source = NoEvents() if source is None else source
        self._queue: deque[_Queued] = deque()
        self._lock = threading.Lock()
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
        return len(self._queue) + self._source.waiting

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
        with self._lock:
            if self._closed:
                return 0, closed_error()
            room = max(self._queue_limit - self.queued, 0)
            after = self._source.arrived
            self._queue.extend(_Queued(event, complete, after) for event, complete in events[:room])
            self._source.share(len(self._queue))
        self._source.wake()
        if room >= len(events):
            return len(events), None
        return room, queue_full_error(self._queue_limit)

    def close(self, timeout_s: float) -> bool:
        """Refuse new events, complete those accepted, and say whether that was done within the time."""
        with self._lock:
            self._closed = True
        self._source.wake()
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            if not self._queue and not self._closed:
                self._source.wait(None if self._available else _CHECK_S)
            # Half of a batch is for those submitted here, as far as they come next.
            taken = self._source.take(self._batch_limit - min(len(self._queue), self._batch_limit // 2))
            own = self._take_own(self._batch_limit - len(taken))
            if taken or own:
                self._process(taken, own)
            elif self._closed and not self.queued:
                return
            elif not self._available:
                self._check()

    def _take_own(self, limit: int) -> list[_Queued]:
        own: list[_Queued] = []
        with self._lock:
            while self._queue and len(own) < limit and self._queue[0].after <= self._source.taken:
                own.append(self._queue.popleft())
            self._source.share(len(self._queue))
        return own

    def _process(self, taken: list[NewEvent], own: list[_Queued]) -> None:
        """Store the events, those of the source first, and say what became of them."""
        events = taken + [event for event, _, _ in own]
        results: Sequence[EventResult]
        try:
            results = self._store(events)
        except RecstreamError as error:
            self._set_available(available=False)
            # A copy each: an error that several callers raise would gather all their tracebacks.
            results = [copy.copy(error) for _ in events]
        else:
            self._set_available(available=True)
        self._guard(self._on_results, results)
        if taken:
            self._guard(self._source.complete, results[: len(taken)])
        if own:
            of_own = zip(own, results[len(taken) :], strict=True)
            self._guard(self._deliver, [Completion(queued.complete, result) for queued, result in of_own])

    def _store(self, events: list[NewEvent]) -> list[AppendResult]:
        """Commit, then apply."""
        try:
            if self._behind:
                replay(self._log, self._engine, self._event_types)
                self._behind = False
            with self._timed("commit"):
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
            with self._timed("fold"):
                self._engine.apply(to_applied(new, self._event_types))
            pairs = {(event.user_id, event.session_id) for event in new}
            with self._timed("notify"):
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
