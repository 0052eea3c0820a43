"""The port and the connections."""

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from recstream_server.listen_address import ListenAddress
from recstream_server.listener import check_free

from recstream.errors import ConfigurationError
from recstream.v1 import model_service_pb2 as model_pb
from recstream.v1.model_service_pb2_grpc import ModelServiceStub


def test_a_free_port_is_free_again_after_the_check() -> None:
    for _ in range(2):
        check_free(ListenAddress("127.0.0.1", 0))


def test_a_port_in_use_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(ConfigurationError) as caught:
        check_free(ListenAddress("127.0.0.1", other.getsockname()[1]))
    assert "another process listens there; stop it, or give another port" in str(caught.value)


@pytest.mark.parametrize("host", ["203.0.113.7", "no-such-host.invalid"])
def test_an_address_of_others_is_told(host: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"listen\.address: cannot listen on {host}:50051"):
        check_free(ListenAddress(host, 50051))


def test_connections_over_the_limit_are_closed(start_server: Callable[..., Any], tmp_path: Path) -> None:
    config = tmp_path / "server.toml"
    config.write_text("[limits]\nconnections = 2\n")
    server = start_server("--config", str(config))

    def ask(channel: grpc.Channel) -> grpc.StatusCode:
        return ModelServiceStub(channel).ListModels.future(model_pb.ListModelsRequest(), timeout=10).code()

    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.insecure_channel(server.target, options=options) for _ in range(3)]
    ok, closed = grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE
    assert [ask(channel) for channel in channels] == [ok, ok, closed]
    for channel in channels:
        channel.close()


def test_a_burst_within_the_limits_is_answered(start_server: Callable[..., Any], tmp_path: Path) -> None:
    """grpc by itself cancels some of more than a thousand calls that wait for their handlers."""
    config = tmp_path / "server.toml"
    config.write_text("[limits]\ncalls_per_connection = 5000\ncalls_in_flight = 5000\n")
    server = start_server("--config", str(config))
    stub = ModelServiceStub(server.channel)
    calls = [stub.ListModels.future(model_pb.ListModelsRequest(), timeout=30) for _ in range(4000)]
    assert {call.code() for call in calls} == {grpc.StatusCode.OK}
