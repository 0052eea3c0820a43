"""A small HTTP server for /metrics and /health, on a port and in threads of its own."""

import socket
import socketserver
import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from recstream.errors import ConfigurationError
from recstream_server.listen_address import ListenAddress

_READ_TIMEOUT_S = 5.0
_POLL_S = 0.1


class TelemetryEndpoint:
    """Serves until closed.

    Parameters
    ----------
    address : ListenAddress
        A loopback address.
    registry : CollectorRegistry
    is_serving : callable
        Whether /health says 200 or 503.

    Raises
    ------
    ConfigurationError
        The address cannot be had.
    """

    def __init__(self, address: ListenAddress, registry: CollectorRegistry, is_serving: Callable[[], bool]) -> None:
        def pages(path: str) -> tuple[HTTPStatus, str, bytes]:
            if path == "/metrics":
                return HTTPStatus.OK, CONTENT_TYPE_PLAIN_0_0_4, generate_latest(registry)
            if path == "/health":
                serving = is_serving()
                status = HTTPStatus.OK if serving else HTTPStatus.SERVICE_UNAVAILABLE
                return status, "text/plain", b"SERVING\n" if serving else b"NOT_SERVING\n"
            return HTTPStatus.NOT_FOUND, "text/plain", b"only /metrics and /health are here\n"

        try:
            self._server = _Server(address, pages)
        except OSError as error:
            raise ConfigurationError(f"metrics.address: cannot listen on {address}: {error.strerror}") from None
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(_POLL_S,), name="telemetry", daemon=True
        )
        self._thread.start()

    @property
    def address(self) -> ListenAddress:
        """Where it listens, with the port that was picked."""
        host, port = self._server.server_address[:2]
        return ListenAddress(str(host), port)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: ListenAddress, pages: Callable[[str], tuple[HTTPStatus, str, bytes]]) -> None:
        class Handler(_Handler):
            page = staticmethod(pages)

        if ":" in address.host:
            self.address_family = socket.AF_INET6
        super().__init__((address.host, address.port), Handler)

    def server_bind(self) -> None:
        """Bind without http.server's reverse name lookup, which can hang for seconds."""
        socketserver.TCPServer.server_bind(self)


class _Handler(BaseHTTPRequestHandler):
    timeout = _READ_TIMEOUT_S
    page: Callable[[str], tuple[HTTPStatus, str, bytes]]

    def do_GET(self) -> None:
        status, content_type, body = self.page(self.path.partition("?")[0])
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as above
        """Say nothing: scrapes are no news."""
