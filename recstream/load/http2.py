"""A small HTTP/2 client for gRPC calls over plain text: what a load client needs of RFC 9113, and cheap.

It follows the server's settings, flow control and limit of concurrent streams, and answers pings. It has neither
priorities nor push, and sends no message longer than one frame.
"""

import asyncio
import struct
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Final, cast
from urllib.parse import unquote

from hpack import HPACKError

from recstream.errors import UnavailableError
from recstream.load.headers import RequestHeaders, ResponseHeaders

_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE, _CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
_END_STREAM, _ACK, _END_HEADERS, _PADDED, _PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
_HEADER_TABLE_SIZE, _ENABLE_PUSH, _MAX_CONCURRENT_STREAMS, _INITIAL_WINDOW_SIZE = 1, 2, 3, 4
_REFUSED_STREAM, _CANCEL = 7, 8
_REFUSED_PAUSE_S: Final = 0.001
_WINDOW: Final = 65535
_LARGEST_WINDOW: Final = 2**31 - 1
MAX_MESSAGE_BYTES: Final = 16384 - 5
"""Longest message that fits into one frame."""

CANCELLED, UNKNOWN, INTERNAL, UNAVAILABLE = 1, 2, 13, 14
# What gRPC makes of a stream that is reset: REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM, INADEQUATE_SECURITY.
_STATUS_OF_RESET: Final[Mapping[int, int]] = {_REFUSED_STREAM: UNAVAILABLE, _CANCEL: CANCELLED, 11: 8, 12: 7}


def framed(message: bytes) -> bytes:
    """A gRPC message behind its prefix: not compressed, its length."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def _frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream_id) + payload


class Call:
    """One call, or stream of messages; a subclass takes what comes back."""

    def __init__(self) -> None:
        self.stream_id = 0
        # What may be sent, what came since the last grant, and what waits: the connection's flow control.
        self.window = 0
        self.received = 0
        self.outbox: deque[tuple[bytes, bool]] = deque()
        self.opening: tuple[str, bytes, bool, bool] | None = None
        self._partial = b""

    def on_message(self, message: bytes) -> None:
        """Take a message of the server, without its prefix."""

    def on_end(self, status: int, detail: str) -> None:
        """Take the end of the call: a gRPC status code, 0 for success, and the server's words."""

    def take_data(self, data: bytes) -> None:
        """Cut data into messages."""
        data = self._partial + data if self._partial else data
        while len(data) >= 5 and len(data) >= (end := 5 + int.from_bytes(data[1:5], "big")):
            self.on_message(data[5:end])
            data = data[end:]
        self._partial = data


class Connection(asyncio.Protocol):
    """One connection to a server, used by the event loop that opened it; see `open_connection`."""

    def __init__(self, authority: str, *, timeout_s: float) -> None:
        self._requests = RequestHeaders(authority, timeout_s=timeout_s)
        self._responses = ResponseHeaders()
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._out: list[bytes] = []
        self._rest = b""
        self._header_block: tuple[int, int, bytes] | None = None
        self._calls: dict[int, Call] = {}
        self._waiting: deque[Call] = deque()
        self._blocked: dict[Call, None] = {}
        self._next_id = 1
        self._window = self._stream_window = _WINDOW
        self._max_streams = 2**31
        self._received = 0
        self.lost = False

    # What callers use.

    def start(self, call: Call, path: str, message: bytes, *, end: bool = True, deadline: bool = True) -> None:
        """Begin a call with its first message; `end` says that it is the only one.

        A call beyond the server's limit of concurrent streams waits until another one ends, and one that the server
        refuses before it has looked at it is sent again, as gRPC clients do.
        """
        call.opening = (path, message, end, deadline)
        if self.lost:
            # Later, so that a closed loop does not call itself.
            self._loop.call_later(0.02, call.on_end, UNAVAILABLE, "the connection is lost")
        elif len(self._calls) >= self._max_streams:
            self._waiting.append(call)
        else:
            self._open(call)

    def send(self, call: Call, message: bytes, *, end: bool = False) -> None:
        """Send one more message of a call that has begun."""
        if call.stream_id in self._calls:
            self._send_data(call, framed(message), end)

    def half_close(self, call: Call) -> None:
        """Say that no more messages will come."""
        if call.stream_id in self._calls:
            self._send_data(call, b"", True)

    def cancel(self, call: Call) -> None:
        """End a call; nothing more is heard of it."""
        if self._calls.pop(call.stream_id, None) is not None:
            self._blocked.pop(call, None)
            self._write(_frame(_RST_STREAM, 0, call.stream_id, _CANCEL.to_bytes(4, "big")))
            self._open_waiting()
        else:
            self._waiting = deque(waiting for waiting in self._waiting if waiting is not call)

    def close(self) -> None:
        """Close the connection; calls under way hear nothing more."""
        self._calls.clear()
        self._waiting.clear()
        if self._transport is not None:
            self._transport.close()

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the preface."""
        self._transport = cast("asyncio.Transport", transport)
        settings = ((_HEADER_TABLE_SIZE, 0), (_ENABLE_PUSH, 0), (_INITIAL_WINDOW_SIZE, _LARGEST_WINDOW))
        payload = b"".join(struct.pack(">HI", *setting) for setting in settings)
        self._write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(_SETTINGS, 0, 0, payload))
        self._write(_frame(_WINDOW_UPDATE, 0, 0, (_LARGEST_WINDOW - _WINDOW).to_bytes(4, "big")))

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is under way."""
        self._mark_lost()
        if not self.ready.done():
            self.ready.set_exception(UnavailableError("the server closed the connection; is it a gRPC server?"))
        failed = [*self._calls.values(), *self._waiting]
        self._calls.clear()
        self._waiting.clear()
        for call in failed:
            call.on_end(UNAVAILABLE, f"the connection is lost: {exc or 'closed by the server'}")

    def data_received(self, data: bytes) -> None:
        """Take frames apart."""
        data = self._rest + data if self._rest else data
        position, size = 0, len(data)
        try:
            while size - position >= 9:
                head, flags, stream_id = struct.unpack_from(">IBI", data, position)
                end = position + 9 + (head >> 8)
                if end > size:
                    break
                self._on_frame(head & 0xFF, flags, stream_id & _LARGEST_WINDOW, data[position + 9 : end])
                position = end
        except (HPACKError, struct.error, IndexError) as error:
            self._abort(f"the server sent a damaged frame: {error}")
            return
        self._rest = data[position:]

    # Sending.

    def _open(self, call: Call) -> None:
        if call.opening is None:
            return
        path, message, end, deadline = call.opening
        call.stream_id = self._next_id
        call.window = self._stream_window
        self._next_id += 2
        self._calls[call.stream_id] = call
        self._write(_frame(_HEADERS, _END_HEADERS, call.stream_id, self._requests.block(path, deadline=deadline)))
        self._send_data(call, framed(message), end)

    def _send_data(self, call: Call, data: bytes, end: bool) -> None:
        call.outbox.append((data, end))
        self._flush_call(call)

    def _flush_call(self, call: Call) -> None:
        outbox = call.outbox
        while outbox:
            data, end = outbox[0]
            if len(data) > self._window or len(data) > call.window:
                self._blocked[call] = None
                return
            outbox.popleft()
            self._window -= len(data)
            call.window -= len(data)
            self._write(_frame(_DATA, _END_STREAM if end else 0, call.stream_id, data))
        self._blocked.pop(call, None)

    def _write(self, data: bytes) -> None:
        # One write for all that this turn of the event loop sends.
        if not self._out:
            self._loop.call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(out))

    def _open_waiting(self) -> None:
        while self._waiting and not self.lost and len(self._calls) < self._max_streams:
            self._open(self._waiting.popleft())

    # Receiving.

    def _on_frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == _DATA:
            self._on_data(flags, stream_id, payload)
        elif kind in (_HEADERS, _CONTINUATION):
            self._on_headers(kind, flags, stream_id, payload)
        elif kind == _WINDOW_UPDATE:
            self._on_window_update(stream_id, int.from_bytes(payload, "big"))
        elif kind == _PING and not flags & _ACK:
            self._write(_frame(_PING, _ACK, 0, payload))
        elif kind == _SETTINGS and not flags & _ACK:
            self._on_settings(payload)
        elif kind == _RST_STREAM:
            self._on_reset(stream_id, int.from_bytes(payload, "big"))
        elif kind == _GOAWAY:
            self._on_goaway(int.from_bytes(payload[:4], "big") & _LARGEST_WINDOW)

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        self._received = self._granted(0, self._received + size)
        call = self._calls.get(stream_id)
        if call is None:
            return
        call.received = self._granted(stream_id, call.received + size)
        call.take_data(_unpadded(flags, payload))
        if flags & _END_STREAM:
            self._end(stream_id, INTERNAL, "the server ended the stream without a status")

    def _granted(self, stream_id: int, received: int) -> int:
        """Give the server its window back, now and then."""
        if received < _LARGEST_WINDOW // 2:
            return received
        self._write(_frame(_WINDOW_UPDATE, 0, stream_id, received.to_bytes(4, "big")))
        return 0

    def _on_headers(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == _HEADERS:
            payload = _unpadded(flags, payload)
            self._header_block = (stream_id, flags, payload[5:] if flags & _PRIORITY else payload)
        elif self._header_block is not None:
            self._header_block = (*self._header_block[:2], self._header_block[2] + payload)
        if flags & _END_HEADERS and self._header_block is not None:
            (stream_id, first_flags, block), self._header_block = self._header_block, None
            headers = self._responses.decode(block)
            if first_flags & _END_STREAM:
                self._end(stream_id, *_status(headers))

    def _on_window_update(self, stream_id: int, grant: int) -> None:
        if stream_id == 0:
            self._window += grant
            for blocked in list(self._blocked):
                self._flush_call(blocked)
        elif (call := self._calls.get(stream_id)) is not None:
            call.window += grant
            self._flush_call(call)

    def _on_settings(self, payload: bytes) -> None:
        for name, value in struct.iter_unpack(">HI", payload):
            if name == _MAX_CONCURRENT_STREAMS:
                self._max_streams = value
            elif name == _INITIAL_WINDOW_SIZE:
                for call in self._calls.values():
                    call.window += value - self._stream_window
                self._stream_window = value
        self._write(_frame(_SETTINGS, _ACK, 0))
        for call in list(self._blocked):
            self._flush_call(call)
        self._open_waiting()
        if not self.ready.done():
            self.ready.set_result(None)

    def _on_reset(self, stream_id: int, code: int) -> None:
        call = self._calls.get(stream_id)
        if code == _REFUSED_STREAM and call is not None and call.opening is not None and call.opening[2]:
            del self._calls[stream_id]
            self._blocked.pop(call, None)
            self._waiting.append(call)
            self._loop.call_later(_REFUSED_PAUSE_S, self._open_waiting)
        else:
            self._end(stream_id, _STATUS_OF_RESET.get(code, INTERNAL), f"the stream was reset, code {code}")

    def _on_goaway(self, last_id: int) -> None:
        """Begin no more calls; those up to `last_id` will still be answered."""
        self._mark_lost()
        for stream_id in [stream_id for stream_id in self._calls if stream_id > last_id]:
            self._end(stream_id, UNAVAILABLE, "the server takes no more calls on this connection")
        while self._waiting:
            self._waiting.popleft().on_end(UNAVAILABLE, "the server takes no more calls on this connection")

    def _mark_lost(self) -> None:
        self.lost = True
        if not self.gone.done():
            self.gone.set_result(None)

    def _end(self, stream_id: int, status: int, detail: str) -> None:
        call = self._calls.pop(stream_id, None)
        if call is not None:
            self._blocked.pop(call, None)
            call.on_end(status, detail)
            self._open_waiting()

    def _abort(self, why: str) -> None:
        self._mark_lost()
        for stream_id in list(self._calls):
            self._end(stream_id, UNAVAILABLE, why)
        if self._transport is not None:
            self._transport.abort()


async def open_connection(target: str, *, timeout_s: float) -> Connection:
    """Connect, and wait for the server's settings.

    Parameters
    ----------
    target : str
        ``HOST:PORT``.
    timeout_s : float
        Deadline of each call, and of connecting.

    Raises
    ------
    UnavailableError
        Nothing answers there, or it does not speak HTTP/2.
    """
    host, _, port = target.rpartition(":")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            _, connection = await loop.create_connection(
                lambda: Connection(target, timeout_s=timeout_s), host.strip("[]"), int(port)
            )
            await connection.ready
    except (OSError, TimeoutError, ValueError) as error:
        why = error if str(error) else f"no answer within {timeout_s} s"
        raise UnavailableError(f"cannot connect to {target!r}: {why}; check that a server listens there") from None
    return connection


def _unpadded(flags: int, payload: bytes) -> bytes:
    return payload[1 : len(payload) - payload[0]] if flags & _PADDED else payload


def _status(headers: Mapping[str, str]) -> tuple[int, str]:
    with suppress(KeyError, ValueError):
        return int(headers["grpc-status"]), unquote(headers.get("grpc-message", ""))
    return UNKNOWN, f"no grpc-status; HTTP status {headers.get(':status', 'unknown')}"
