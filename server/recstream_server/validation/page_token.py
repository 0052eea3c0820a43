"""Page tokens: opaque to clients, bound to what they were made for."""

import base64
import binascii
import hashlib
import struct

from recstream_server.validation.violations import Violations

# Version of the format, digest of scope and position, position.
_LAYOUT = struct.Struct(">B8sq")
_VERSION = 1


def encode(scope: str, position: int) -> str:
    """Make a token for a position in a list; it is refused for any other `scope`."""
    return base64.urlsafe_b64encode(_LAYOUT.pack(_VERSION, _digest(scope, position), position)).decode().rstrip("=")


def check(found: Violations, scope: str, token: str) -> int | None:
    """Position of a token from `encode`, None for the first page; anything else is noted as a violation."""
    if not token:
        return None
    position = _decode(scope, token)
    if position is None:
        found.add("page_token", "was not made for this list; give the next_page_token of the page before, or nothing")
    return position


def _decode(scope: str, token: str) -> int | None:
    try:
        version, digest, position = _LAYOUT.unpack(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except (binascii.Error, struct.error, ValueError):
        return None
    return position if version == _VERSION and digest == _digest(scope, position) else None


def _digest(scope: str, position: int) -> bytes:
    # Finds mistakes; it is no signature: a forged token only names another place in the same user's list.
    return hashlib.blake2b(f"{scope}\0{position}".encode(), digest_size=8).digest()
