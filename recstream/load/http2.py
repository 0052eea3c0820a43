"""A small HTTP/2 client for gRPC calls: what a load client needs of RFC 9113, and cheap.

It follows the server's settings, flow control and limit of concurrent streams, and answers pings. It has neither
priorities nor push, and sends no message longer than one frame.
"""

import asyncio
import ssl
import struct
from collections import deque
from typing import Final, cast

from hpack import HPACKError

from recstream.errors import UnavailableError
from recstream.load import frames
from recstream.load.headers import RequestHeaders, ResponseHeaders

_READ_BYTES: Final = 65536
_REFUSED_PAUSE_S: Final = 0.001


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


class Connection(asyncio.BufferedProtocol):
    """One connection to a server, used by the event loop that opened it; see `open_connection`."""

    def __init__(self, authority: str, *, timeout_s: float, scheme: str = "http") -> None:
        self._requests = RequestHeaders(authority, timeout_s=timeout_s, scheme=scheme)
        self._responses = ResponseHeaders()
        self._transport: asyncio.Transport | None = None
        self._loop = asyncio.get_running_loop()
        self.ready: asyncio.Future[None] = self._loop.create_future()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._out: list[bytes] = []
        self._buffer = memoryview(bytearray(_READ_BYTES))
        self._rest = b""
        self._receiving = False
        self._header_block: tuple[int, int, bytes] | None = None
        self._calls: dict[int, Call] = {}
        self._waiting: deque[Call] = deque()
        self._blocked: dict[Call, None] = {}
        self._next_id = 1
        self._window = self._stream_window = frames.WINDOW
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
            self._loop.call_later(0.02, call.on_end, frames.UNAVAILABLE, "the connection is lost")
        elif len(self._calls) >= self._max_streams:
            self._waiting.append(call)
        else:
            self._open(call)

    def send(self, call: Call, message: bytes, *, end: bool = False) -> None:
        """Send one more message of a call that has begun."""
        if call.stream_id in self._calls:
            self._send_data(call, frames.framed(message), end)

    def half_close(self, call: Call) -> None:
        """Say that no more messages will come."""
        if call.stream_id in self._calls:
            self._send_data(call, b"", True)

    def cancel(self, call: Call) -> None:
        """End a call; nothing more is heard of it."""
        if self._calls.pop(call.stream_id, None) is not None:
            self._blocked.pop(call, None)
            self._write(frames.frame(frames.RST_STREAM, 0, call.stream_id, frames.CANCEL.to_bytes(4, "big")))
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
        settings = (
            (frames.HEADER_TABLE_SIZE, 0),
            (frames.ENABLE_PUSH, 0),
            (frames.INITIAL_WINDOW_SIZE, frames.LARGEST_WINDOW),
        )
        payload = b"".join(struct.pack(">HI", *setting) for setting in settings)
        self._write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frames.frame(frames.SETTINGS, 0, 0, payload))
        self._write(
            frames.frame(frames.WINDOW_UPDATE, 0, 0, (frames.LARGEST_WINDOW - frames.WINDOW).to_bytes(4, "big"))
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail what is under way."""
        self._mark_lost()
        if not self.ready.done():
            self.ready.set_exception(UnavailableError("the server closed the connection; is it a gRPC server?"))
        failed = [*self._calls.values(), *self._waiting]
        self._calls.clear()
        self._waiting.clear()
        for call in failed:
            call.on_end(frames.UNAVAILABLE, f"the connection is lost: {exc or 'closed by the server'}")

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - the buffer is as large as it is
        """Where to read to: asyncio's own buffer would be made anew, 256 KiB for each read."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """Take frames, and send what they call forth."""
        data = self._buffer[:nbytes].tobytes()
        if not self._out:
            self._receiving = True
        try:
            self._rest = self._on_frames(self._rest + data if self._rest else data)
        except (HPACKError, struct.error, IndexError) as error:
            self._abort(f"the server sent a damaged frame: {error}")
        if self._receiving:
            self._receiving = False
            self._flush()

    # Sending.

    def _open(self, call: Call) -> None:
        if call.opening is None:
            return
        path, message, end, deadline = call.opening
        call.stream_id = self._next_id
        call.window = self._stream_window
        self._next_id += 2
        self._calls[call.stream_id] = call
        self._write(
            frames.frame(
                frames.HEADERS, frames.END_HEADERS, call.stream_id, self._requests.block(path, deadline=deadline)
            )
        )
        self._send_data(call, frames.framed(message), end)

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
            self._write(frames.frame(frames.DATA, frames.END_STREAM if end else 0, call.stream_id, data))
        self._blocked.pop(call, None)

    def _write(self, data: bytes) -> None:
        # One write for all that this turn of the event loop sends, and no further turn for what answers call forth.
        if not self._out and not self._receiving:
            self._loop.call_soon(self._flush)
        self._out.append(data)

    def _flush(self) -> None:
        out, self._out = self._out, []
        if out and self._transport is not None and not self._transport.is_closing():
            self._transport.write(b"".join(out))

    def _open_waiting(self) -> None:
        while self._waiting and not self.lost and len(self._calls) < self._max_streams:
            self._open(self._waiting.popleft())

    # Receiving.

    def _on_frames(self, data: bytes) -> bytes:
        """Take the frames that are whole; the rest is returned."""
        position, size = 0, len(data)
        while size - position >= 9:
            head, flags, stream_id = struct.unpack_from(">IBI", data, position)
            end = position + 9 + (head >> 8)
            if end > size:
                break
            self._on_frame(head & 0xFF, flags, stream_id & frames.LARGEST_WINDOW, data[position + 9 : end])
            position = end
        return data[position:]

    def _on_frame(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == frames.DATA:
            self._on_data(flags, stream_id, payload)
        elif kind in (frames.HEADERS, frames.CONTINUATION):
            self._on_headers(kind, flags, stream_id, payload)
        elif kind == frames.WINDOW_UPDATE:
            self._on_window_update(stream_id, int.from_bytes(payload, "big"))
        elif kind == frames.PING and not flags & frames.ACK:
            self._write(frames.frame(frames.PING, frames.ACK, 0, payload))
        elif kind == frames.SETTINGS and not flags & frames.ACK:
            self._on_settings(payload)
        elif kind == frames.RST_STREAM:
            self._on_reset(stream_id, int.from_bytes(payload, "big"))
        elif kind == frames.GOAWAY:
            self._on_goaway(int.from_bytes(payload[:4], "big") & frames.LARGEST_WINDOW)

    def _on_data(self, flags: int, stream_id: int, payload: bytes) -> None:
        size = len(payload)
        self._received = self._granted(0, self._received + size)
        call = self._calls.get(stream_id)
        if call is None:
            return
        call.received = self._granted(stream_id, call.received + size)
        call.take_data(frames.unpadded(flags, payload))
        if flags & frames.END_STREAM:
            self._end(stream_id, frames.INTERNAL, "the server ended the stream without a status")

    def _granted(self, stream_id: int, received: int) -> int:
        """Give the server its window back, now and then."""
        if received < frames.LARGEST_WINDOW // 2:
            return received
        self._write(frames.frame(frames.WINDOW_UPDATE, 0, stream_id, received.to_bytes(4, "big")))
        return 0

    def _on_headers(self, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        if kind == frames.HEADERS:
            payload = frames.unpadded(flags, payload)
            self._header_block = (stream_id, flags, payload[5:] if flags & frames.PRIORITY else payload)
        elif self._header_block is not None:
            self._header_block = (*self._header_block[:2], self._header_block[2] + payload)
        if flags & frames.END_HEADERS and self._header_block is not None:
            (stream_id, first_flags, block), self._header_block = self._header_block, None
            headers = self._responses.decode(block)
            if first_flags & frames.END_STREAM:
                self._end(stream_id, *frames.call_status(headers))

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
            if name == frames.MAX_CONCURRENT_STREAMS:
                self._max_streams = value
            elif name == frames.INITIAL_WINDOW_SIZE:
                for call in self._calls.values():
                    call.window += value - self._stream_window
                self._stream_window = value
        self._write(frames.frame(frames.SETTINGS, frames.ACK, 0))
        for call in list(self._blocked):
            self._flush_call(call)
        self._open_waiting()
        if not self.ready.done():
            self.ready.set_result(None)

    def _on_reset(self, stream_id: int, code: int) -> None:
        call = self._calls.get(stream_id)
        if code == frames.REFUSED_STREAM and call is not None and call.opening is not None and call.opening[2]:
            del self._calls[stream_id]
            self._blocked.pop(call, None)
            self._waiting.append(call)
            self._loop.call_later(_REFUSED_PAUSE_S, self._open_waiting)
        else:
            self._end(
                stream_id, frames.STATUS_OF_RESET.get(code, frames.INTERNAL), f"the stream was reset, code {code}"
            )

    def _on_goaway(self, last_id: int) -> None:
        """Begin no more calls; those up to `last_id` will still be answered."""
        self._mark_lost()
        for stream_id in [stream_id for stream_id in self._calls if stream_id > last_id]:
            self._end(stream_id, frames.UNAVAILABLE, "the server takes no more calls on this connection")
        while self._waiting:
            self._waiting.popleft().on_end(frames.UNAVAILABLE, "the server takes no more calls on this connection")

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
            self._end(stream_id, frames.UNAVAILABLE, why)
        if self._transport is not None:
            self._transport.abort()


async def open_connection(target: str, *, timeout_s: float, tls: ssl.SSLContext | None = None) -> Connection:
    """Connect, and wait for the server's settings.

    Parameters
    ----------
    target : str
        ``HOST:PORT``.
    timeout_s : float
        Deadline of each call, and of connecting.
    tls : ssl.SSLContext, optional
        Plain text without.

    Raises
    ------
    UnavailableError
        Nothing answers there, or it does not speak HTTP/2.
    """
    host, _, port = target.rpartition(":")
    connection = Connection(target, timeout_s=timeout_s, scheme="http" if tls is None else "https")
    try:
        async with asyncio.timeout(timeout_s):
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: connection, host.strip("[]"), int(port), ssl=tls)
            await connection.ready
    except UnavailableError:
        connection.close()
        raise
    except (OSError, TimeoutError, ValueError) as error:
        connection.close()
        why = error if str(error) else f"no answer within {timeout_s} s"
        raise UnavailableError(f"cannot connect to {target!r}: {why}; check that a server listens there") from None
    return connection
