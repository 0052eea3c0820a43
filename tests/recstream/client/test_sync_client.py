"""The synchronous client against a real channel: deadlines, retries, pages, watching, health."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckResponse

import recstream
from recstream import errors
from recstream.client import ChannelSettings, Client, recommend_request, user_event
from recstream.v1 import model_service_pb2 as model_pb
from recstream.v1 import recommendation_service_pb2 as pb
from recstream.v1 import user_event_service_pb2 as event_pb
from recstream.v1.types_pb2 import Recommendation

Serve = Callable[..., str]


class Flaky:
    """Fails a few times with a status, then answers; keeps what it was asked."""

    def __init__(self, code: grpc.StatusCode, failures: int, answer: Any) -> None:
        self.code, self.failures, self.answer = code, failures, answer
        self.requests: list[Any] = []

    def __call__(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.requests.append(request)
        if len(self.requests) <= self.failures:
            context.abort(self.code, "not now")
        return self.answer


def test_a_call_is_repeated_while_the_server_is_unavailable(serve: Serve) -> None:
    flaky = Flaky(grpc.StatusCode.UNAVAILABLE, 2, pb.RecommendItemsResponse(state_version=5))
    with Client(serve(RecommendItems=flaky)) as client:
        assert client.recommend_items("u").state_version == 5
    assert len(flaky.requests) == 3


def test_an_event_keeps_its_id_when_it_is_sent_again(serve: Serve) -> None:
    flaky = Flaky(grpc.StatusCode.UNAVAILABLE, 3, event_pb.WriteUserEventResponse(state_version=1))
    with Client(serve(WriteUserEvent=flaky)) as client:
        client.write_user_event(user_id="u", item_id="i", event_type="click")
    assert len({request.event.event_id for request in flaky.requests}) == 1
    assert len(flaky.requests) == 4
    assert flaky.requests[0].event.event_id


def test_repeating_ends(serve: Serve) -> None:
    flaky = Flaky(grpc.StatusCode.UNAVAILABLE, 99, None)
    with (
        Client(serve(RankItems=flaky), settings=ChannelSettings(attempts=2)) as client,
        pytest.raises(errors.UnavailableError),
    ):
        client.rank_items("u", ["a"])
    assert len(flaky.requests) == 2


@pytest.mark.parametrize("code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_other_failures_are_not_repeated(serve: Serve, code: grpc.StatusCode) -> None:
    flaky = Flaky(code, 1, pb.RecommendItemsResponse())
    with Client(serve(RecommendItems=flaky)) as client, pytest.raises(errors.RecstreamError):
        client.recommend_items("u")
    assert len(flaky.requests) == 1


@pytest.mark.parametrize("per_call", [True, False])
def test_the_deadline_is_the_calls_own_or_the_clients(serve: Serve, per_call: bool) -> None:
    left: list[float] = []

    def slow(request: Any, context: grpc.ServicerContext) -> Any:
        left.append(context.time_remaining())
        done.wait(30)
        return pb.RecommendItemsResponse()

    done = threading.Event()
    with (
        Client(serve(RecommendItems=slow), timeout_s=20 if per_call else 0.2) as client,
        pytest.raises(errors.DeadlineError, match="before the deadline; check the server, or give timeout_s"),
    ):
        client.recommend_items("u", **({"timeout_s": 0.2} if per_call else {}))
    done.set()
    assert 0 < left[0] < 1


def test_rank_similar_and_model(serve: Serve) -> None:
    def rank(request: Any, context: Any) -> Any:
        return pb.RankItemsResponse(recommendations=[Recommendation(item_id=i) for i in reversed(request.item_ids)])

    def similar(request: Any, context: Any) -> Any:
        return pb.FindSimilarItemsResponse(recommendations=[Recommendation(item_id=f"like {request.item_id}")])

    def model(request: Any, context: Any) -> Any:
        return model_pb.GetModelResponse(model=model_pb.Model(family=request.name))

    with Client(serve(RankItems=rank, FindSimilarItems=similar, GetModel=model)) as client:
        assert [item.item_id for item in client.rank_items("u", ["a", "b"]).recommendations] == ["b", "a"]
        assert client.find_similar_items("7", page_size=1).recommendations[0].item_id == "like 7"
        assert client.get_model("m").family == "m"


def test_batches_give_an_answer_or_an_error_for_each_entry(serve: Serve) -> None:
    def recommend(request: Any, context: Any) -> Any:
        results = [{"recommendation": {"state_version": query.page_size}} for query in request.requests]
        return pb.BatchRecommendItemsResponse(results=[*results, {"error": {"code": 9, "message": "not yet"}}])

    def write(request: Any, context: Any) -> Any:
        results = [{"event_ack": {"event_id": entry.event.event_id}} for entry in request.requests]
        return event_pb.BatchWriteUserEventsResponse(results=[{"error": {"code": 6, "message": "used"}}, *results])

    event = user_event(user_id="u", item_id="i", event_type="click")
    with Client(serve(BatchRecommendItems=recommend, BatchWriteUserEvents=write)) as client:
        first, second, error = client.batch_recommend_items([recommend_request("u", page_size=k) for k in (3, 4)])
        refused, stored = client.batch_write_user_events([event])
    assert (first, second) == (pb.RecommendItemsResponse(state_version=3), pb.RecommendItemsResponse(state_version=4))
    assert (type(error), type(refused)) == (errors.StateVersionError, errors.AlreadyExistsError)
    assert stored == event_pb.WriteUserEventResponse(event_id=event.event_id)


def test_pages_are_fetched_when_they_are_needed(serve: Serve) -> None:
    tokens: list[str] = []

    def pages(request: Any, context: Any) -> Any:
        tokens.append(request.page_token)
        page = int(request.page_token or 0)
        events = [event_pb.StoredUserEvent(state_version=10 * page + row) for row in range(request.page_size)]
        return event_pb.ListUserEventsResponse(events=events, next_page_token=str(page + 1) if page < 2 else "")

    with Client(serve(ListUserEvents=pages)) as client:
        events = client.list_user_events("u", page_size=2)
        assert [next(events).state_version for _ in range(3)] == [0, 1, 10]
        assert tokens == ["", "1"]
        assert [event.state_version for event in events] == [11, 20, 21]
    assert tokens == ["", "1", "2"]


def test_models_of_all_pages(serve: Serve) -> None:
    def pages(request: Any, context: Any) -> Any:
        name = request.page_token or "a"
        return model_pb.ListModelsResponse(
            models=[model_pb.Model(family=name)], next_page_token="b" if name == "a" else ""
        )

    with Client(serve(ListModels=pages)) as client:
        assert [model.family for model in client.list_models()] == ["a", "b"]


def push(request: pb.WatchRecommendationsRequest, context: grpc.ServicerContext) -> Iterator[Any]:
    for version in range(3):
        yield pb.WatchRecommendationsResponse(recommendation=pb.RecommendItemsResponse(state_version=version))
    if request.recommend.user_id == "fails":
        context.abort(grpc.StatusCode.UNAVAILABLE, "shutting down")
    if request.recommend.user_id == "waits":
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait(30)


def test_a_watch_ends_with_the_server(serve: Serve) -> None:
    with Client(serve(WatchRecommendations=push)) as client:
        versions = [update.recommendation.state_version for update in client.watch_recommendations("ends")]
    assert versions == [0, 1, 2]


def test_a_watch_tells_why_it_broke(serve: Serve) -> None:
    with Client(serve(WatchRecommendations=push)) as client:
        watch = client.watch_recommendations("fails")
        assert [next(watch).recommendation.state_version for _ in range(3)] == [0, 1, 2]
        with pytest.raises(errors.UnavailableError, match="shutting down"):
            next(watch)


def test_a_watch_can_be_closed_from_another_thread(serve: Serve) -> None:
    with Client(serve(WatchRecommendations=push)) as client, client.watch_recommendations("waits") as watch:
        versions = []
        for update in watch:
            versions.append(update.recommendation.state_version)
            if len(versions) == 3:
                threading.Timer(0.05, watch.close).start()
    assert versions == [0, 1, 2]


def test_a_watch_may_have_a_deadline(serve: Serve) -> None:
    with Client(serve(WatchRecommendations=push)) as client, pytest.raises(errors.DeadlineError):
        list(client.watch_recommendations("waits", timeout_s=0.3))


def test_health(serve: Serve) -> None:
    with Client(serve()) as client:
        assert client.health() == "SERVING"
    with Client(serve(health=HealthCheckResponse.NOT_SERVING)) as client:
        assert client.health() == "NOT_SERVING"
        with pytest.raises(errors.NotFoundError):
            client.health("no.such.Service")


def test_waiting_for_a_server_that_is_yet_to_start(serve: Serve, free_port: int) -> None:
    starter = threading.Timer(0.3, serve, kwargs={"port": free_port})
    starter.start()
    with Client(f"127.0.0.1:{free_port}") as client:
        client.wait_until_ready(30)
        assert client.health() == "SERVING"
    starter.join()


def test_waiting_has_an_end(serve: Serve) -> None:
    with Client(serve(health=HealthCheckResponse.NOT_SERVING)) as client, pytest.raises(errors.DeadlineError):
        client.wait_until_ready(0.3)


def test_a_typed_client_is_exported_lazily() -> None:
    assert recstream.Client is Client
    assert {"Client", "AsyncClient", "ExactIndex", "load_bundle", "errors", "__version__"} <= set(dir(recstream))
    with pytest.raises(AttributeError, match="no attribute 'Clients'"):
        _ = recstream.Clients
