"""The gRPC server's options and port."""

import errno
import socket
from contextlib import ExitStack

import grpc

from recstream.errors import ConfigurationError
from recstream_server.listen_address import ListenAddress
from recstream_server.settings import LimitSettings
from recstream_server.tls import TlsFiles

# Finds out that a silent peer is gone, and lets clients ask as well; grpc's defaults are two hours and five minutes.
_KEEPALIVE_MS = 60_000
_LEAST_PING_INTERVAL_MS = 10_000

_ANY = 2**31 - 1
_BACKLOG = 4096


def server_options(limits: LimitSettings) -> list[tuple[str, int]]:
    """The channel arguments of the server."""
    return [
        # On by default: a second server would then share the port, and take half of the calls.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limits.message_bytes),
        ("grpc.max_send_message_length", limits.message_bytes),
        ("grpc.max_metadata_size", limits.metadata_bytes),
        ("grpc.absolute_max_metadata_size", limits.metadata_bytes),
        # Otherwise a stream's window grows to megabytes, which a client can fill while its answers wait to be read.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.max_concurrent_streams", limits.calls_per_connection),
        ("grpc.max_allowed_incoming_connections", limits.connections),
        # grpc cancels what waits to be handed over above this, 1000 by default: a burst that our limits allow.
        ("grpc.server.max_pending_requests", limits.calls_in_flight + limits.streams),
        ("grpc.server.max_pending_requests_hard_limit", 2 * (limits.calls_in_flight + limits.streams)),
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.http2.min_ping_interval_without_data_ms", _LEAST_PING_INTERVAL_MS),
    ]


def inner_server_options() -> list[tuple[str, int]]:
    """The channel arguments of the server behind the native front, to whose one connection its limits do not apply."""
    return [
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        ("grpc.max_metadata_size", _ANY),
        ("grpc.absolute_max_metadata_size", _ANY),
        ("grpc.http2.bdp_probe", 0),
        ("grpc.max_concurrent_streams", _ANY),
        ("grpc.server.max_pending_requests", _ANY),
        ("grpc.server.max_pending_requests_hard_limit", _ANY),
    ]


def check_free(address: ListenAddress) -> None:
    """Raise a `ConfigurationError` if the address cannot be listened on: before a long start, and with the reason."""
    listening_socket(address).close()


def listening_socket(address: ListenAddress) -> socket.socket:
    """Listen on an address; raises a `ConfigurationError` with the reason if that cannot be done."""
    try:
        family, kind, protocol, _, target = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
        with ExitStack() as on_error:
            listening = on_error.enter_context(socket.socket(family, kind, protocol))
            # As grpc does: connections of an earlier server that linger do not count, and [::] is IPv4 as well.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listening.bind(target)
            listening.listen(_BACKLOG)
            on_error.pop_all()
            return listening
    except OSError as error:
        in_use = error.errno == errno.EADDRINUSE
        problem = "another process listens there; stop it, or give another port" if in_use else error.strerror
        raise ConfigurationError(f"listen.address: cannot listen on {address}: {problem}") from None


def bind(server: grpc.aio.Server, address: ListenAddress, tls: TlsFiles | None) -> ListenAddress:
    """Take the port, in plain text without files; the address with the port that was picked."""
    try:
        if tls is None:
            return address._replace(port=server.add_insecure_port(str(address)))
        return address._replace(port=server.add_secure_port(str(address), tls.server_credentials()))
    except RuntimeError:
        check_free(address)
        raise ConfigurationError(f"listen.address: cannot listen on {address}") from None
