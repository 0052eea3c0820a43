"""Frames of HTTP/2 (RFC 9113), and what gRPC puts into them."""

import struct
from collections.abc import Mapping
from contextlib import suppress
from typing import Final
from urllib.parse import unquote

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 7, 8, 9
END_STREAM, ACK, END_HEADERS, PADDED, PRIORITY = 0x1, 0x1, 0x4, 0x8, 0x20
HEADER_TABLE_SIZE, ENABLE_PUSH, MAX_CONCURRENT_STREAMS, INITIAL_WINDOW_SIZE = 1, 2, 3, 4
REFUSED_STREAM, CANCEL = 7, 8
# What every flow control starts with, and the most that it can grant.
WINDOW: Final = 65535
LARGEST_WINDOW: Final = 2**31 - 1

CANCELLED, UNKNOWN, INTERNAL, UNAVAILABLE = 1, 2, 13, 14
# What gRPC makes of a stream that is reset: REFUSED_STREAM, CANCEL, ENHANCE_YOUR_CALM, INADEQUATE_SECURITY.
STATUS_OF_RESET: Final[Mapping[int, int]] = {REFUSED_STREAM: UNAVAILABLE, CANCEL: CANCELLED, 11: 8, 12: 7}


def framed(message: bytes) -> bytes:
    """A gRPC message behind its prefix: not compressed, its length."""
    return b"\0" + len(message).to_bytes(4, "big") + message


def frame(kind: int, flags: int, stream_id: int, payload: bytes = b"") -> bytes:
    """A frame; stream 0 is the connection."""
    return struct.pack(">IBI", len(payload) << 8 | kind, flags, stream_id) + payload


def unpadded(flags: int, payload: bytes) -> bytes:
    """The payload of a DATA or HEADERS frame without its padding."""
    return payload[1 : len(payload) - payload[0]] if flags & PADDED else payload


def call_status(headers: Mapping[str, str]) -> tuple[int, str]:
    """The gRPC status of a call, and the server's words, from the headers that ended it."""
    with suppress(KeyError, ValueError):
        return int(headers["grpc-status"]), unquote(headers.get("grpc-message", ""))
    return UNKNOWN, f"no grpc-status; HTTP status {headers.get(':status', 'unknown')}"
