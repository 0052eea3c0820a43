"""The asynchronous client against a real channel."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckResponse

from recstream import errors
from recstream.client import AsyncClient, ChannelSettings, recommend_request, user_event
from recstream.v1 import model_service_pb2 as model_pb
from recstream.v1 import recommendation_service_pb2 as pb
from recstream.v1 import user_event_service_pb2 as event_pb
from recstream.v1.types_pb2 import Recommendation

Serve = Callable[..., str]


def run(target: str, scenario: Callable[[AsyncClient], Awaitable[None]], **options: Any) -> None:
    """Run a scenario in an event loop of its own."""

    async def main() -> None:
        async with AsyncClient(target, **options) as client:
            await scenario(client)

    asyncio.run(main())


def test_a_call_is_repeated_and_keeps_its_event_id(serve: Serve) -> None:
    ids: list[str] = []

    def flaky(request: Any, context: grpc.ServicerContext) -> Any:
        ids.append(request.event.event_id)
        if len(ids) < 3:
            context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return event_pb.WriteUserEventResponse(state_version=4)

    async def scenario(client: AsyncClient) -> None:
        ack = await client.write_user_event(user_id="u", item_id="i", event_type="click")
        assert ack.state_version == 4

    run(serve(WriteUserEvent=flaky), scenario)
    assert len(ids) == 3
    assert len(set(ids)) == 1


def test_batches_give_an_answer_or_an_error_for_each_entry(serve: Serve) -> None:
    def recommend(request: Any, context: Any) -> Any:
        results = [{"recommendation": {"state_version": query.page_size}} for query in request.requests]
        return pb.BatchRecommendItemsResponse(results=[*results, {"error": {"code": 9, "message": "not yet"}}])

    def write(request: Any, context: Any) -> Any:
        results = [{"event_ack": {"event_id": entry.event.event_id}} for entry in request.requests]
        return event_pb.BatchWriteUserEventsResponse(results=[{"error": {"code": 6, "message": "used"}}, *results])

    async def scenario(client: AsyncClient) -> None:
        answer, error = await client.batch_recommend_items([recommend_request("u", page_size=3)])
        event = user_event(user_id="u", item_id="i", event_type="click")
        refused, stored = await client.batch_write_user_events([event])
        assert answer == pb.RecommendItemsResponse(state_version=3)
        assert (type(error), type(refused)) == (errors.StateVersionError, errors.AlreadyExistsError)
        assert stored == event_pb.WriteUserEventResponse(event_id=event.event_id)

    run(serve(BatchRecommendItems=recommend, BatchWriteUserEvents=write), scenario)


def test_recommend_rank_similar_and_model(serve: Serve) -> None:
    def recommend(request: Any, context: Any) -> Any:
        return pb.RecommendItemsResponse(state_version=request.page_size)

    def rank(request: Any, context: Any) -> Any:
        return pb.RankItemsResponse(recommendations=[Recommendation(item_id=i) for i in reversed(request.item_ids)])

    def similar(request: Any, context: Any) -> Any:
        return pb.FindSimilarItemsResponse(recommendations=[Recommendation(item_id=f"like {request.item_id}")])

    def model(request: Any, context: Any) -> Any:
        return model_pb.GetModelResponse(model=model_pb.Model(family=request.name))

    async def scenario(client: AsyncClient) -> None:
        assert (await client.recommend_items("u", page_size=7)).state_version == 7
        assert [item.item_id for item in (await client.rank_items("u", ["a", "b"])).recommendations] == ["b", "a"]
        assert (await client.find_similar_items("7")).recommendations[0].item_id == "like 7"
        assert (await client.get_model("m")).family == "m"

    run(serve(RecommendItems=recommend, RankItems=rank, FindSimilarItems=similar, GetModel=model), scenario)


def test_errors_come_back(serve: Serve, free_port: int) -> None:
    def refuse(request: Any, context: grpc.ServicerContext) -> Any:
        context.abort(grpc.StatusCode.NOT_FOUND, "no such item")

    async def refused(client: AsyncClient) -> None:
        with pytest.raises(errors.NotFoundError, match="no such item"):
            await client.find_similar_items("7")

    async def unreachable(client: AsyncClient) -> None:
        with pytest.raises(errors.UnavailableError, match="check that it runs there"):
            await client.recommend_items("u")

    run(serve(FindSimilarItems=refuse), refused)
    run(f"127.0.0.1:{free_port}", unreachable, settings=ChannelSettings(attempts=1))


def test_the_deadline_ends_a_call(serve: Serve) -> None:
    def slow(request: Any, context: grpc.ServicerContext) -> Any:
        ended = threading.Event()
        context.add_callback(ended.set)
        ended.wait(30)

    async def scenario(client: AsyncClient) -> None:
        with pytest.raises(errors.DeadlineError):
            await client.recommend_items("u", timeout_s=0.1)

    run(serve(RecommendItems=slow), scenario)


def test_pages(serve: Serve) -> None:
    def events(request: Any, context: Any) -> Any:
        page = int(request.page_token or 0)
        return event_pb.ListUserEventsResponse(
            events=[event_pb.StoredUserEvent(state_version=page)], next_page_token=str(page + 1) if page < 2 else ""
        )

    def models(request: Any, context: Any) -> Any:
        name = request.page_token or "a"
        return model_pb.ListModelsResponse(
            models=[model_pb.Model(family=name)], next_page_token="b" if name == "a" else ""
        )

    async def scenario(client: AsyncClient) -> None:
        assert [event.state_version async for event in client.list_user_events("u")] == [0, 1, 2]
        assert [model.family async for model in client.list_models()] == ["a", "b"]

    run(serve(ListUserEvents=events, ListModels=models), scenario)


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
    async def scenario(client: AsyncClient) -> None:
        versions = [update.recommendation.state_version async for update in client.watch_recommendations("ends")]
        assert versions == [0, 1, 2]

    run(serve(WatchRecommendations=push), scenario)


def test_a_watch_tells_why_it_broke(serve: Serve) -> None:
    async def scenario(client: AsyncClient) -> None:
        with pytest.raises(errors.UnavailableError, match="shutting down"):
            _ = [update async for update in client.watch_recommendations("fails")]

    run(serve(WatchRecommendations=push), scenario)


def test_a_watch_can_be_closed(serve: Serve) -> None:
    async def scenario(client: AsyncClient) -> None:
        versions = []
        async with client.watch_recommendations("waits") as watch:
            async for update in watch:
                versions.append(update.recommendation.state_version)
                if len(versions) == 3:
                    asyncio.get_running_loop().call_later(0.05, watch.close)
        assert versions == [0, 1, 2]

    run(serve(WatchRecommendations=push), scenario)


def test_a_watching_task_can_be_cancelled(serve: Serve) -> None:
    async def scenario(client: AsyncClient) -> None:
        async def forever() -> None:
            async for _ in client.watch_recommendations("waits"):
                pass

        task = asyncio.create_task(forever())
        await asyncio.sleep(0.1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run(serve(WatchRecommendations=push), scenario)


def test_health(serve: Serve) -> None:
    async def serving(client: AsyncClient) -> None:
        await client.wait_until_ready()
        assert await client.health() == "SERVING"

    async def not_serving(client: AsyncClient) -> None:
        assert await client.health() == "NOT_SERVING"
        with pytest.raises(errors.DeadlineError):
            await client.wait_until_ready(0.2)

    run(serve(), serving)
    run(serve(health=HealthCheckResponse.NOT_SERVING), not_serving)
