"""Header blocks of gRPC calls, encoded and decoded once and then remembered."""

from collections.abc import Mapping
from typing import Final

from hpack import Decoder, Encoder

_REMEMBERED: Final = 1000


class RequestHeaders:
    """The header blocks of one connection's requests.

    Blocks must be sent in the order in which they are asked for, as HPACK is stateful.

    Parameters
    ----------
    authority : str
        ``HOST:PORT``.
    timeout_s : float
        Deadline that the server is told of.
    scheme : str
        http, or https over TLS.
    """

    def __init__(self, authority: str, *, timeout_s: float, scheme: str) -> None:
        self._encoder = Encoder()
        self._blocks: dict[str, bytes] = {}
        self._common = [
            (":scheme", scheme),
            (":authority", authority),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
        ]
        self._deadline = ("grpc-timeout", f"{max(1, round(timeout_s * 1000))}m")

    def block(self, path: str, *, deadline: bool = True) -> bytes:
        """The block for a call of `path`, which is ``/SERVICE/METHOD``."""
        key = path if deadline else f"{path} without a deadline"
        known = self._blocks.get(key)
        if known is not None:
            return known
        headers = [(":method", "POST"), (":path", path), *self._common]
        if deadline:
            headers.append(self._deadline)
        first, second = self._encoder.encode(headers), self._encoder.encode(headers)
        # The first may have put entries into the table, which moves what other blocks refer to; the second is all
        # references, so it stays valid as long as no other block is made.
        if first != second:
            self._blocks.clear()
        self._blocks[key] = second
        return first


class ResponseHeaders:
    """The header blocks of responses, from a server that was told to keep no table: equal blocks mean equal headers."""

    def __init__(self) -> None:
        self._known: dict[bytes, Mapping[str, str]] = {}
        self._decoder = Decoder()
        self._decoder.max_allowed_table_size = 0
        self._decoder.header_table_size = 0

    def decode(self, block: bytes) -> Mapping[str, str]:
        """Names to values.

        Raises
        ------
        hpack.HPACKError
            The block is damaged.
        """
        known = self._known.get(block)
        if known is None:
            known = {_text(name): _text(value) for name, value in self._decoder.decode(block)}
            if len(self._known) < _REMEMBERED:
                self._known[block] = known
        return known


def _text(data: str | bytes) -> str:
    return data if isinstance(data, str) else data.decode(errors="replace")
