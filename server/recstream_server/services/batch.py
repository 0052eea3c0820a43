"""BatchRecommendItems and BatchWriteUserEvents: many requests in one call, each with an answer of its own."""

import asyncio
from collections.abc import Sequence
from concurrent.futures import Executor

from recstream.errors import OverloadedError, RecstreamError
from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import user_event_service_pb2 as event_pb
from recstream_server.event_log import NewEvent
from recstream_server.event_sink import EventSink, receipt_of
from recstream_server.interceptors.calls import message_failed
from recstream_server.packing import acknowledgement
from recstream_server.recommender import Recommender
from recstream_server.telemetry.calls import CallRecord
from recstream_server.validation import RecommendationChecks, UserEventChecks

# What an answer that does not fit takes up, with the lengths around it; kept free for every answer to come.
_ERROR_BYTES = 384

_Answer = rec_pb.RecommendItemsResponse
_Recommended = rec_pb.BatchRecommendItemsResponse
_Stored = event_pb.BatchWriteUserEventsResponse


class BatchRecommendItems:
    """Answers each query of a batch as RecommendItems would.

    Parameters
    ----------
    recommender : Recommender
    checks : RecommendationChecks
    record : CallRecord
    message_bytes : int
        Largest answer to the whole call.
    """

    def __init__(
        self, recommender: Recommender, checks: RecommendationChecks, record: CallRecord, message_bytes: int
    ) -> None:
        self._recommender = recommender
        self._checks = checks
        self._record = record
        self._message_bytes = message_bytes

    async def answer(self, request: rec_pb.BatchRecommendItemsRequest) -> _Recommended:
        """Answer a batch; raises for the size of the batch only."""
        self._checks.batch(request)
        answers = await self._recommender.answer_each(self._answer, request.requests)
        response = _Recommended()
        room = self._message_bytes - _ERROR_BYTES * len(answers)
        for answer in answers:
            fits = isinstance(answer, Exception) or answer.ByteSize() <= room
            result = self._result(answer if fits else _no_room(self._message_bytes))
            room += _ERROR_BYTES - result.ByteSize()
            response.results.append(result)
        return response

    def _answer(self, position: int, request: rec_pb.RecommendItemsRequest) -> _Answer | Exception:
        """The answer to one query, or what is wrong with it; in any thread."""
        try:
            query = self._checks.recommend(request, f"requests[{position}].")
            found = self._recommender.recommend_here(query)
            return self._recommender.model.packer.recommended(found, include_attributes=query.include_attributes)
        except Exception as error:  # noqa: BLE001 - answers its query; the others are served
            return error

    def _result(self, answer: _Answer | Exception) -> _Recommended.Result:
        if isinstance(answer, Exception):
            return _Recommended.Result(error=message_failed(answer, self._record))
        self._record.message("OK")
        return _Recommended.Result(recommendation=answer)


def _no_room(message_bytes: int) -> OverloadedError:
    return OverloadedError(
        f"the answers before this one fill a message of {message_bytes:,} bytes; ask again, in a smaller batch",
        reason="ANSWER_TOO_LARGE",
        retry_after_s=0.0,
    )


class BatchWriteUserEvents:
    """Stores the events of a batch; they share commits.

    Parameters
    ----------
    checks : UserEventChecks
    sink : EventSink
    executor : Executor
        For the checks.
    record : CallRecord
    """

    def __init__(self, checks: UserEventChecks, sink: EventSink, executor: Executor, record: CallRecord) -> None:
        self._checks = checks
        self._sink = sink
        self._executor = executor
        self._record = record

    async def store(self, request: event_pb.BatchWriteUserEventsRequest) -> _Stored:
        """Store a batch; raises for the size of the batch only."""
        self._checks.batch(request)
        checked = await asyncio.get_running_loop().run_in_executor(self._executor, self._check_each, request.requests)
        response = _Stored()
        for receipt in self._sink.submit_each(checked):
            result = response.results.add()
            try:
                result.event_ack.CopyFrom(acknowledgement(receipt_of(await receipt)))
            except RecstreamError as error:
                result.error.CopyFrom(message_failed(error, self._record))
            else:
                self._record.message("OK")
        return response

    def _check_each(self, requests: Sequence[event_pb.WriteUserEventRequest]) -> list[NewEvent | RecstreamError]:
        return [self._check(position, request) for position, request in enumerate(requests)]

    def _check(self, position: int, request: event_pb.WriteUserEventRequest) -> NewEvent | RecstreamError:
        try:
            return self._checks.write(request, f"requests[{position}].")
        except RecstreamError as error:
            return error
