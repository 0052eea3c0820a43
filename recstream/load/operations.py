"""The measured operations: what is sent, and what must come back."""

from collections.abc import Callable
from typing import Final

from google.protobuf.message import DecodeError
from google.rpc.code_pb2 import Code

from recstream.client.requests import recommend_request, user_event, watch_request
from recstream.load.http2 import Call, Connection
from recstream.load.settings import Kind
from recstream.v1.recommendation_service_pb2 import (
    RecommendItemsResponse,
    StreamingRecommendRequest,
    StreamingRecommendResponse,
    WatchRecommendationsResponse,
)
from recstream.v1.types_pb2 import UserEvent
from recstream.v1.user_event_service_pb2 import WriteUserEventRequest, WriteUserEventResponse

RECOMMEND_PATH: Final = "/recstream.v1.RecommendationService/RecommendItems"
STREAM_PATH: Final = "/recstream.v1.RecommendationService/StreamingRecommend"
WATCH_PATH: Final = "/recstream.v1.RecommendationService/WatchRecommendations"
EVENT_PATH: Final = "/recstream.v1.UserEventService/WriteUserEvent"
_SHOWN: Final = 120

Finish = Callable[["Operation", str], None]
"""Takes an operation that is over, and why it failed; no reason is success."""


class Operation:
    """One measured operation.

    Attributes
    ----------
    intended_ns : int
        When it was to begin, by the monotonic clock.
    over : bool
        Whether it has succeeded or failed.
    cancel : function or None
        Ends its call, if it has one of its own.
    """

    __slots__ = ("cancel", "intended_ns", "kind", "over")

    def __init__(self, kind: Kind, intended_ns: int) -> None:
        self.kind = kind
        self.intended_ns = intended_ns
        self.over = False
        self.cancel: Callable[[], None] | None = None


class UnaryCall(Call):
    """RecommendItems or WriteUserEvent, once."""

    def __init__(self, operation: Operation, check: Callable[[bytes], str], finish: Finish) -> None:
        super().__init__()
        self._operation = operation
        self._check = check
        self._finish = finish
        self._problem = "the call ended without an answer"

    def on_message(self, message: bytes) -> None:
        """Check the answer."""
        self._problem = self._check(message)

    def on_end(self, status: int, detail: str) -> None:
        """Tell how it went."""
        self._finish(self._operation, describe_status(status, detail) if status else self._problem)


class WatchCall(Call):
    """WatchRecommendations until the first list."""

    def __init__(self, operation: Operation, check: Callable[[bytes], str], finish: Finish) -> None:
        super().__init__()
        self._operation = operation
        self._check = check
        self._finish = finish

    def on_message(self, message: bytes) -> None:
        """Check the first list, and end the watch."""
        if not self._operation.over:
            cancel = self._operation.cancel
            self._finish(self._operation, self._check(message))
            if cancel is not None:
                cancel()

    def on_end(self, status: int, detail: str) -> None:
        """The server should not end it."""
        self._finish(self._operation, describe_status(status, detail) if status else "the watch ended without a list")


class RecommendStream(Call):
    """One StreamingRecommend stream; many users' operations share it.

    Parameters
    ----------
    connection : Connection
    count : int
        Items that every answer must have.
    finish : function
        Hears of every operation.
    """

    def __init__(self, connection: Connection, count: int, finish: Finish) -> None:
        super().__init__()
        self.connection = connection
        self.ended = False
        self._count = count
        self._finish = finish
        self._sequence = 0
        self._pending: dict[int, Operation] = {}

    def ask(self, operation: Operation, message: StreamingRecommendRequest) -> None:
        """Send a query or an event; the first one opens the stream."""
        self._sequence += 1
        message.sequence = self._sequence
        self._pending[self._sequence] = operation
        data = message.SerializeToString()
        if self._sequence == 1:
            self.connection.start(self, STREAM_PATH, data, end=False, deadline=False)
        else:
            self.connection.send(self, data)

    def on_message(self, message: bytes) -> None:
        """Match an answer to its operation."""
        try:
            answer = StreamingRecommendResponse.FromString(message)
        except DecodeError:
            return
        operation = self._pending.pop(answer.sequence, None)
        if operation is not None:
            self._finish(operation, self._problem(operation, answer))

    def on_end(self, status: int, detail: str) -> None:
        """Fail what is under way."""
        self.ended = True
        why = describe_status(status, detail) if status else "the server ended the stream"
        pending, self._pending = self._pending, {}
        for operation in pending.values():
            self._finish(operation, why)

    def _problem(self, operation: Operation, answer: StreamingRecommendResponse) -> str:
        kind = answer.WhichOneof("message")
        if kind == "error":
            return describe_status(answer.error.code, answer.error.message)
        if operation.kind == Kind.STREAM_EVENT:
            return "" if kind == "event_ack" else f"an event was answered with {kind}"
        return size_problem(answer.recommendation, self._count) if kind == "recommendation" else f"got {kind}"


def recommend_message(user_id: str, count: int) -> bytes:
    """A request of RecommendItems."""
    return recommend_request(user_id, page_size=count).SerializeToString()


def watch_message(user_id: str, count: int) -> bytes:
    """A request of WatchRecommendations."""
    return watch_request(user_id, None, page_size=count).SerializeToString()


def event_of(user_id: str, item_id: str, event_type: str) -> UserEvent:
    """An event with an id of its own."""
    return user_event(user_id=user_id, item_id=item_id, event_type=event_type)


def event_message(event: UserEvent) -> bytes:
    """A request of WriteUserEvent."""
    return WriteUserEventRequest(event=event).SerializeToString()


def check_recommendations(count: int) -> Callable[[bytes], str]:
    """A check of RecommendItems: what is wrong with the answer, or nothing."""
    return lambda message: _checked(lambda: size_problem(RecommendItemsResponse.FromString(message), count))


def check_list(count: int) -> Callable[[bytes], str]:
    """A check of WatchRecommendations."""
    return lambda message: _checked(
        lambda: size_problem(WatchRecommendationsResponse.FromString(message).recommendation, count)
    )


def check_acknowledgement(message: bytes) -> str:
    """A check of WriteUserEvent."""
    return _checked(lambda: "" if WriteUserEventResponse.FromString(message).state_version > 0 else "no state version")


def size_problem(answer: RecommendItemsResponse, count: int) -> str:
    """What is wrong with the size of an answer, or nothing."""
    found = len(answer.recommendations)
    return "" if found == count else f"an answer has {found} items, not {count}"


def describe_status(status: int, detail: str) -> str:
    """A status as a reason of failure, cut to a length that fits a line."""
    name = Code.Name(status) if status in Code.values() else f"status {status}"
    return f"{name}: {detail}"[:_SHOWN] if detail else name


def _checked(check: Callable[[], str]) -> str:
    try:
        return check()
    except DecodeError:
        return "an answer cannot be parsed"
