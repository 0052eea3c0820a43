"""The synchronous client."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Any, Self, Unpack

import grpc
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub

from recstream.client.channel import DEFAULT_TARGET, ChannelSettings
from recstream.client.requests import (
    EventFields,
    QueryFields,
    RecommendFields,
    SimilarFields,
    batch_write_request,
    rank_request,
    recommend_request,
    similar_request,
    user_event,
    watch_request,
)
from recstream.client.statuses import error_of_call, results_of, translated
from recstream.client.streams import EventStream, RecommendStream
from recstream.errors import RecstreamError, UnavailableError
from recstream.v1.model_service_pb2 import GetModelRequest, ListModelsRequest, Model
from recstream.v1.model_service_pb2_grpc import ModelServiceStub
from recstream.v1.recommendation_service_pb2 import (
    BatchRecommendItemsRequest,
    FindSimilarItemsResponse,
    RankItemsResponse,
    RecommendItemsRequest,
    RecommendItemsResponse,
    WatchRecommendationsResponse,
)
from recstream.v1.recommendation_service_pb2_grpc import RecommendationServiceStub
from recstream.v1.types_pb2 import UserEvent
from recstream.v1.user_event_service_pb2 import (
    ListUserEventsRequest,
    StoredUserEvent,
    WriteUserEventRequest,
    WriteUserEventResponse,
)
from recstream.v1.user_event_service_pb2_grpc import UserEventServiceStub


class Watch(Iterator[WatchRecommendationsResponse]):
    """Lists as the server pushes them; ends when it is closed, from any thread."""

    def __init__(self, call: Any, target: str) -> None:
        self._call = call
        self._target = target
        self._closed = False

    def __next__(self) -> WatchRecommendationsResponse:
        try:
            response: WatchRecommendationsResponse = next(self._call)
        except grpc.RpcError as error:
            if self._closed:
                raise StopIteration from None
            raise error_of_call(error, self._target) from None
        return response

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """End the watch."""
        self._closed = True
        self._call.cancel()


class Client:
    """A connection to a recstream server; safe to use from many threads.

    Errors of the server come back as those of `recstream.errors`. Calls that may be repeated are, with backoff, while
    the server is unavailable; writing is one of them, as every event has an id.

    Parameters
    ----------
    target : str
        ``HOST:PORT``.
    credentials : grpc.ChannelCredentials, optional
        For TLS, as `recstream.client.ClientTls` makes them; plain text without.
    timeout_s : float
        Deadline of every call that is not given its own.
    settings : ChannelSettings, optional
        Retries, keepalive, limits.

    Examples
    --------
    >>> with Client("127.0.0.1:50051") as client:  # doctest: +SKIP
    ...     client.write_user_event(user_id="42", item_id="7", event_type="click")
    ...     for item in client.recommend_items("42", page_size=5).recommendations:
    ...         print(item.item_id, item.score)
    """

    def __init__(
        self,
        target: str = DEFAULT_TARGET,
        *,
        credentials: grpc.ChannelCredentials | None = None,
        timeout_s: float = 5.0,
        settings: ChannelSettings | None = None,
    ) -> None:
        options = (settings or ChannelSettings()).channel_options()
        if credentials is None:
            self._channel = grpc.insecure_channel(target, options=options)
        else:
            self._channel = grpc.secure_channel(target, credentials, options=options)
        self._target = target
        self._timeout_s = timeout_s
        self._recommendations = RecommendationServiceStub(self._channel)
        self._events = UserEventServiceStub(self._channel)
        self._models = ModelServiceStub(self._channel)
        self._health = HealthStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; calls under way are cancelled."""
        self._channel.close()

    def _limit_s(self, timeout_s: float | None) -> float:
        return self._timeout_s if timeout_s is None else timeout_s

    def recommend_items(
        self, user_id: str = "", *, timeout_s: float | None = None, **query: Unpack[RecommendFields]
    ) -> RecommendItemsResponse:
        """The best items for a user, best first; see `RecommendFields`."""
        with translated(self._target):
            return self._recommendations.RecommendItems(
                recommend_request(user_id, **query), timeout=self._limit_s(timeout_s)
            )

    def batch_recommend_items(
        self, requests: Sequence[RecommendItemsRequest], *, timeout_s: float | None = None
    ) -> list[RecommendItemsResponse | RecstreamError]:
        """Answers to many queries, made by `recommend_request`, in one call.

        Returns
        -------
        list
            For each query, in their order, its answer, or in its place the error that `recommend_items` would raise.
        """
        request = BatchRecommendItemsRequest(requests=requests)
        with translated(self._target):
            answer = self._recommendations.BatchRecommendItems(request, timeout=self._limit_s(timeout_s))
        return results_of((result.recommendation, result.error) for result in answer.results)

    def rank_items(
        self, user_id: str, item_ids: Sequence[str], *, timeout_s: float | None = None, **query: Unpack[QueryFields]
    ) -> RankItemsResponse:
        """The given items in a user's order, best first; see `QueryFields`."""
        with translated(self._target):
            return self._recommendations.RankItems(
                rank_request(user_id, item_ids, **query), timeout=self._limit_s(timeout_s)
            )

    def find_similar_items(
        self, item_id: str, *, timeout_s: float | None = None, **query: Unpack[SimilarFields]
    ) -> FindSimilarItemsResponse:
        """The items nearest to an item, nearest first; see `SimilarFields`.

        Raises
        ------
        NotFoundError
            The model does not know the item.
        """
        request = similar_request(item_id, **query)
        with translated(self._target):
            return self._recommendations.FindSimilarItems(request, timeout=self._limit_s(timeout_s))

    def watch_recommendations(
        self,
        user_id: str = "",
        *,
        min_interval_s: float | None = None,
        timeout_s: float | None = None,
        **query: Unpack[RecommendFields],
    ) -> Watch:
        """The list for a user, at once and again whenever events change it.

        Parameters
        ----------
        min_interval_s : float, optional
            The least time between two lists; the server's default is 0.1.
        timeout_s : float, optional
            Ends the watch with a DeadlineError; it has no end by default.
        """
        call = self._recommendations.WatchRecommendations(
            watch_request(user_id, min_interval_s, **query), timeout=timeout_s
        )
        return Watch(call, self._target)

    def stream(self) -> RecommendStream:
        """Open a stream for events and queries; close it, or use it in a ``with`` statement."""
        return RecommendStream(self._recommendations.StreamingRecommend, target=self._target, timeout_s=self._timeout_s)

    def write_user_event(
        self, *, item_id: str, event_type: str, timeout_s: float | None = None, **fields: Unpack[EventFields]
    ) -> WriteUserEventResponse:
        """Store an event; see `recstream.client.user_event`. When it returns, every later answer reflects the event."""
        request = WriteUserEventRequest(event=user_event(item_id=item_id, event_type=event_type, **fields))
        with translated(self._target):
            return self._events.WriteUserEvent(request, timeout=self._limit_s(timeout_s))

    def batch_write_user_events(
        self, events: Sequence[UserEvent], *, timeout_s: float | None = None
    ) -> list[WriteUserEventResponse | RecstreamError]:
        """Store many events, made by `user_event`, in one call. When it returns, every later answer reflects them.

        Returns
        -------
        list
            For each event, in their order, its acknowledgement, or in its place the error that `write_user_event` would
            raise: the others are stored.
        """
        with translated(self._target):
            answer = self._events.BatchWriteUserEvents(batch_write_request(events), timeout=self._limit_s(timeout_s))
        return results_of((result.event_ack, result.error) for result in answer.results)

    def stream_events(self) -> EventStream:
        """Open a stream for events only; close it, or use it in a ``with`` statement."""
        return EventStream(self._events.StreamingWriteUserEvents, target=self._target, timeout_s=self._timeout_s)

    def list_user_events(
        self, user_id: str, *, page_size: int = 0, timeout_s: float | None = None
    ) -> Iterator[StoredUserEvent]:
        """All events of a user, newest first; pages are fetched as they are needed."""
        request = ListUserEventsRequest(user_id=user_id, page_size=page_size)
        while True:
            with translated(self._target):
                page = self._events.ListUserEvents(request, timeout=self._limit_s(timeout_s))
            yield from page.events
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def list_models(self, *, timeout_s: float | None = None) -> Iterator[Model]:
        """The models that the server holds, by name."""
        request = ListModelsRequest()
        while True:
            with translated(self._target):
                page = self._models.ListModels(request, timeout=self._limit_s(timeout_s))
            yield from page.models
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    def get_model(self, name: str, *, timeout_s: float | None = None) -> Model:
        """One model.

        Raises
        ------
        NotFoundError
            The server holds no model of that name.
        """
        with translated(self._target):
            return self._models.GetModel(GetModelRequest(name=name), timeout=self._limit_s(timeout_s)).model

    def health(self, service: str = "", *, timeout_s: float | None = None) -> str:
        """The health of the server, or of one service by its full name: ``SERVING`` or ``NOT_SERVING``."""
        with translated(self._target):
            answer = self._health.Check(HealthCheckRequest(service=service), timeout=self._limit_s(timeout_s))
        return str(HealthCheckResponse.ServingStatus.Name(answer.status))

    def wait_until_ready(self, timeout_s: float = 30.0) -> None:
        """Wait until the server can be reached and is serving.

        Raises
        ------
        DeadlineError
            Not within `timeout_s`.
        """
        with translated(self._target):
            call = self._health.Watch(HealthCheckRequest(), timeout=timeout_s, wait_for_ready=True)
            for answer in call:
                if answer.status == HealthCheckResponse.SERVING:
                    call.cancel()
                    return
        raise UnavailableError(f"{self._target} ended the health check without serving; check its log")
