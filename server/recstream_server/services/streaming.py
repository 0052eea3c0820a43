"""RecommendationService.StreamingRecommend: events and queries on one stream, in their order."""

from collections import deque
from collections.abc import Callable

from recstream.errors import FieldViolation, InvalidArgumentError
from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream_server.draining import Draining
from recstream_server.event_sink import EventSink, PendingReceipt, receipt_of
from recstream_server.interceptors.calls import message_failed
from recstream_server.packing import acknowledgement
from recstream_server.recommender import Recommender
from recstream_server.rpc_context import Context
from recstream_server.services.inbox import Inbox
from recstream_server.telemetry.calls import CallRecord
from recstream_server.validation import RecommendationChecks, UserEventChecks
from recstream_server.watch_hub import state_keys

_Request = rec_pb.StreamingRecommendRequest
_Response = rec_pb.StreamingRecommendResponse


class StreamingRecommend:
    """Answers every message in its turn.

    Messages are taken in runs. All events of a run are queued at once and share commits; a query is answered after the
    events before it were acknowledged. A run ends before an event that changes what an earlier query of the run is
    about, so no answer is ahead of its place in the stream.

    Parameters
    ----------
    recommender : Recommender
    checks : RecommendationChecks
    event_checks : UserEventChecks
    sink : EventSink
    record : CallRecord
    draining : Draining
    window : int
        Messages that may be read ahead.
    """

    def __init__(
        self,
        *,
        recommender: Recommender,
        checks: RecommendationChecks,
        event_checks: UserEventChecks,
        sink: EventSink,
        record: CallRecord,
        draining: Draining,
        window: int,
    ) -> None:
        self._recommender = recommender
        self._checks = checks
        self._event_checks = event_checks
        self._sink = sink
        self._record = record
        self._draining = draining
        self._window = window

    async def serve(self, context: Context) -> None:
        """Serve one stream to its end."""
        async with Inbox[_Request](context, self._window, self._draining) as inbox:
            while run := await inbox.take(_in_order()):
                pending = deque(self._store(message.event) for message in run if message.HasField("event"))
                for message in run:
                    await context.write(await self._answer(message, pending))

    def _store(self, event: types.UserEvent) -> PendingReceipt:
        return self._sink.begin(self._event_checks.event, event)

    async def _answer(self, message: _Request, pending: deque[PendingReceipt]) -> _Response:
        """The answer to one message; cannot fail, an error is an answer."""
        response = _Response(sequence=message.sequence)
        try:
            match message.WhichOneof("message"):
                case "event":
                    response.event_ack.CopyFrom(acknowledgement(receipt_of(await pending.popleft())))
                case "recommend":
                    response.recommendation.CopyFrom(await self._recommend(message.recommend))
                case _:
                    response.error.CopyFrom(message_failed(_nothing_set(), self._record))
                    return response
        except Exception as error:  # noqa: BLE001 - answers its message; the stream lives on
            response.error.CopyFrom(message_failed(error, self._record))
        else:
            self._record.message("OK")
        return response

    async def _recommend(self, request: rec_pb.RecommendItemsRequest) -> rec_pb.RecommendItemsResponse:
        query = self._checks.recommend(request, "recommend.")
        found = await self._recommender.recommend(query)
        return self._recommender.model.packer.recommended(found, include_attributes=query.include_attributes)


def _nothing_set() -> InvalidArgumentError:
    return InvalidArgumentError([FieldViolation("message", "is not set; give recommend or event")])


def _in_order() -> Callable[[_Request], bool]:
    """Whether a message can be begun together with those asked about before."""
    queried: set[tuple[str, str]] = set()

    def goes_along(message: _Request) -> bool:
        if message.HasField("event"):
            return queried.isdisjoint(state_keys(message.event.user_id, message.event.session_id))
        queried.update(state_keys(message.recommend.user_id, message.recommend.session_id))
        return True

    return goes_along
