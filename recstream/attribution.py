"""Attribution tokens: which model an answer came from, so that what it causes can be counted for it.

A server puts one into each answer; clients send it back with the events that the answer causes; the log keeps it. A
token is a head that all answers of a model share (base64url without padding, RFC 4648, of ``NAME@VERSION``, and a dot),
and then the answer's `state_version` in decimal digits. So whoever packs answers makes the head once, and appends a
number.

Nothing is signed: who may write events may write clicks as well. A token is only ever counted, and what a server cannot
have made counts for no model.
"""

import base64
import binascii
import re
from typing import Final, NamedTuple

MAX_TOKEN_BYTES: Final = 256
"""Of UTF-8: the most that an event may carry. A server's own take up to 123."""

_TOKEN: Final = re.compile(r"([A-Za-z0-9_-]{4,200})\.(0|[1-9][0-9]{0,18})")
_MODEL: Final = re.compile(rb"([a-z0-9][a-z0-9._-]{0,63})@([0-9a-f]{12})")


class Attribution(NamedTuple):
    """What a token says."""

    name: str
    """Of the bundle."""
    version: str
    """Of the bundle: 12 hexadecimal digits."""
    state_version: int
    """Of the last event of its user that the answer reflects; 0 for none."""


def token_head(name: str, version: str) -> str:
    """What the tokens of a model begin with: all but the digits of the state version.

    >>> token_head("ml-100k-als", "3f9a0c51d2e4") + "17"
    'bWwtMTAway1hbHNAM2Y5YTBjNTFkMmU0.17'
    """
    return base64.urlsafe_b64encode(f"{name}@{version}".encode()).decode().rstrip("=") + "."


def read_token(token: str) -> Attribution | None:
    """What a token says; None for one that no server made."""
    parts = _TOKEN.fullmatch(token)
    if parts is None:
        return None
    head, digits = parts.groups()
    try:
        model = _MODEL.fullmatch(base64.b64decode(head + "=" * (-len(head) % 4), altchars=b"-_", validate=True))
    except binascii.Error:
        return None
    if model is None:
        return None
    name, version = (group.decode() for group in model.groups())
    if token_head(name, version) != f"{head}.":  # bits beyond the last character
        return None
    return Attribution(name, version, int(digits))
