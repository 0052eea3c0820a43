"""A client that knows nothing but what reflection tells it can call every RPC."""

from collections.abc import Callable, Iterator
from typing import Any

import grpc
import pytest
from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

EVENT = {"userId": "reflected", "itemId": "item-1", "eventType": "click", "value": 2.0}
QUERY = {"userId": "reflected", "pageSize": 3, "includeAttributes": True}
REQUESTS: dict[str, list[dict[str, Any]]] = {
    "RecommendItems": [QUERY],
    "StreamingRecommend": [{"sequence": 1, "event": EVENT}, {"sequence": 2, "recommend": QUERY}],
    "BatchRecommendItems": [{"requests": [QUERY, QUERY]}],
    "WatchRecommendations": [{"recommend": QUERY, "minInterval": "0.1s"}],
    "RankItems": [{"userId": "reflected", "itemIds": ["item-1", "item-2"], "seenPolicy": "SEEN_POLICY_INCLUDE_SEEN"}],
    "FindSimilarItems": [{"itemId": "item-1"}],
    "WriteUserEvent": [{"event": EVENT}],
    "BatchWriteUserEvents": [{"requests": [{"event": EVENT}]}],
    "StreamingWriteUserEvents": [{"sequence": 1, "event": EVENT}, {"sequence": 2, "event": EVENT}],
    "ListUserEvents": [{"userId": "reflected", "pageSize": 2}],
    "ListModels": [{}],
    "GetModel": [{"name": "synthetic-als"}],
    "Check": [{}],
    "Watch": [{"service": "recstream.v1.ModelService"}],
    "List": [{}],
    "ServerReflectionInfo": [{"listServices": "*"}],
}


@pytest.fixture(scope="module")
def reflected(server: Any) -> Iterator[tuple[grpc.Channel, list[str], DescriptorPool]]:
    with grpc.insecure_channel(server.target) as channel:
        database = ProtoReflectionDescriptorDatabase(channel)
        yield channel, list(database.get_services()), DescriptorPool(database)


def call(channel: grpc.Channel, method: MethodDescriptor, requests: list[dict[str, Any]]) -> Any:
    """The first answer, as a dict."""
    request_class = message_factory.GetMessageClass(method.input_type)
    response_class = message_factory.GetMessageClass(method.output_type)
    kinds = {(False, False): "unary_unary", (False, True): "unary_stream", (True, True): "stream_stream"}
    kind = kinds[method.client_streaming, method.server_streaming]
    invoke: Callable[..., Any] = getattr(channel, kind)(
        f"/{method.containing_service.full_name}/{method.name}",
        request_serializer=request_class.SerializeToString,
        response_deserializer=response_class.FromString,
    )
    messages = [json_format.ParseDict(request, request_class()) for request in requests]
    result = invoke(iter(messages) if method.client_streaming else messages[0], timeout=20)
    if not method.server_streaming:
        return json_format.MessageToDict(result)
    first = json_format.MessageToDict(next(result))
    result.cancel()
    return first


def test_every_rpc_answers(reflected: tuple[grpc.Channel, list[str], DescriptorPool]) -> None:
    channel, services, pool = reflected
    methods = [method for service in services for method in pool.FindServiceByName(service).methods]
    answers = {method.name: call(channel, method, REQUESTS[method.name]) for method in methods if method.name != "List"}
    assert len(answers) == len([name for name in REQUESTS if name != "List"])
    assert len(answers["RecommendItems"]["recommendations"]) == 3
    assert "title" in answers["RecommendItems"]["recommendations"][0]["attributes"]
    assert answers["WatchRecommendations"]["cause"] == "CAUSE_INITIAL"
    assert int(answers["WriteUserEvent"]["stateVersion"]) > 0
    assert answers["Check"]["status"] == "SERVING"
    assert answers["GetModel"]["model"]["version"]["name"] == "synthetic-als"


def test_all_services_are_listed(reflected: tuple[grpc.Channel, list[str], DescriptorPool]) -> None:
    assert sorted(reflected[1]) == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        "recstream.v1.ModelService",
        "recstream.v1.RecommendationService",
        "recstream.v1.UserEventService",
    ]
