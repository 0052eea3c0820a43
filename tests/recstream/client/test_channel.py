"""The service config is what gRPC reads, and names calls that exist."""

import json

import pytest

from recstream.client import ChannelSettings
from recstream.v1 import model_service_pb2, recommendation_service_pb2, user_event_service_pb2


def method_config(settings: ChannelSettings) -> dict[str, object]:
    (config,) = json.loads(str(dict(settings.channel_options())["grpc.service_config"]))["methodConfig"]
    return dict(config)


def test_every_call_that_sends_one_request_may_be_repeated_and_no_other() -> None:
    unary = {
        (service.full_name, method.name)
        for module in (model_service_pb2, recommendation_service_pb2, user_event_service_pb2)
        for service in module.DESCRIPTOR.services_by_name.values()
        for method in service.methods
        if not method.client_streaming
    }
    named = {(name["service"], name["method"]) for name in method_config(ChannelSettings())["name"]}
    assert named == unary


def test_one_attempt_means_no_retries() -> None:
    assert "retryPolicy" not in method_config(ChannelSettings(attempts=1))
    assert method_config(ChannelSettings(attempts=3))["retryPolicy"]["maxAttempts"] == 3


@pytest.mark.parametrize(("name", "value"), [("grpc.keepalive_time_ms", 5), ("grpc.primary_user_agent", "x")])
def test_options_win(name: str, value: str | int) -> None:
    options = ChannelSettings(keepalive_s=60, options=[(name, value)]).channel_options()
    assert dict(options)[name] == value
