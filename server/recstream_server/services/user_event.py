"""UserEventService."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import Executor

from recstream.v1 import user_event_service_pb2 as event_pb
from recstream.v1.user_event_service_pb2_grpc import UserEventServiceServicer
from recstream_server.draining import Draining
from recstream_server.event_log import EventLog
from recstream_server.event_sink import EventSink, PendingReceipt, receipt_of
from recstream_server.interceptors.calls import message_failed
from recstream_server.packing import acknowledgement, stored_event
from recstream_server.rpc_context import Context
from recstream_server.services.batch import BatchWriteUserEvents
from recstream_server.services.inbox import Inbox
from recstream_server.telemetry.calls import CallRecord
from recstream_server.validation import UserEventChecks
from recstream_server.validation.user_event import events_page_token


class UserEventService(UserEventServiceServicer):
    """Takes what users do, and reads it back.

    Parameters
    ----------
    checks : UserEventChecks
    batch : BatchWriteUserEvents
    sink : EventSink
    log : EventLog
        Read in `executor`: a read may wait for the disk.
    executor : Executor
    draining : Draining
    record : CallRecord
        Of StreamingWriteUserEvents.
    window : int
        Messages of one stream that may be read ahead.
    """

    def __init__(
        self,
        *,
        checks: UserEventChecks,
        batch: BatchWriteUserEvents,
        sink: EventSink,
        log: EventLog,
        executor: Executor,
        draining: Draining,
        record: CallRecord,
        window: int,
    ) -> None:
        self._checks = checks
        self._batch = batch
        self._sink = sink
        self._log = log
        self._executor = executor
        self._draining = draining
        self._record = record
        self._window = window

    async def WriteUserEvent(
        self, request: event_pb.WriteUserEventRequest, context: Context
    ) -> event_pb.WriteUserEventResponse:
        """Store an event."""
        return acknowledgement(await self._sink.store(self._checks.write(request)))

    async def BatchWriteUserEvents(
        self, request: event_pb.BatchWriteUserEventsRequest, context: Context
    ) -> event_pb.BatchWriteUserEventsResponse:
        """Store many events."""
        return await self._batch.store(request)

    async def StreamingWriteUserEvents(  # type: ignore[override]
        self,
        request_iterator: AsyncIterator[event_pb.StreamingWriteUserEventsRequest],
        context: Context,
    ) -> None:
        """Store events as they come; those that arrived together share commits."""
        async with Inbox[event_pb.StreamingWriteUserEventsRequest](context, self._window, self._draining) as inbox:
            while run := await inbox.take(lambda _message: True):
                pending = [self._sink.begin(self._checks.write, message) for message in run]
                for message, receipt in zip(run, pending, strict=True):
                    await context.write(await self._answer(message.sequence, receipt))

    async def ListUserEvents(
        self, request: event_pb.ListUserEventsRequest, context: Context
    ) -> event_pb.ListUserEventsResponse:
        """Read a page of a user's events."""
        user_id, page_size, before_version = self._checks.list_events(request)
        # One more than the page tells whether there is another.
        events = await asyncio.get_running_loop().run_in_executor(
            self._executor, self._log.read_user, user_id, before_version, page_size + 1
        )
        page = events[:page_size]
        return event_pb.ListUserEventsResponse(
            events=map(stored_event, page),
            next_page_token=events_page_token(user_id, page[-1].version) if len(events) > page_size else "",
        )

    async def _answer(self, sequence: int, pending: PendingReceipt) -> event_pb.StreamingWriteUserEventsResponse:
        response = event_pb.StreamingWriteUserEventsResponse(sequence=sequence)
        try:
            response.event_ack.CopyFrom(acknowledgement(receipt_of(await pending)))
        except Exception as error:  # noqa: BLE001 - answers its message; the stream lives on
            response.error.CopyFrom(message_failed(error, self._record))
        else:
            self._record.message("OK")
        return response
