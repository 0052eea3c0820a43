"""HOST:PORT."""

import pytest
from recstream_server.listen_address import ListenAddress


@pytest.mark.parametrize(
    ("text", "host", "port", "loopback"),
    [
        ("127.0.0.1:50051", "127.0.0.1", 50051, True),
        ("127.9.9.9:1", "127.9.9.9", 1, True),
        ("localhost:0", "localhost", 0, True),
        ("[::1]:65535", "::1", 65535, True),
        ("0.0.0.0:80", "0.0.0.0", 80, False),
        ("[::]:80", "::", 80, False),
        ("10.0.0.1:80", "10.0.0.1", 80, False),
        ("example.org:80", "example.org", 80, False),
    ],
)
def test_what_is_read_is_written_again(text: str, host: str, port: int, loopback: bool) -> None:
    address = ListenAddress.parse(text)
    assert address == (host, port)
    assert str(address) == text
    assert address.is_loopback is loopback


@pytest.mark.parametrize(
    "text", ["", ":", "host", "host:", ":80", "host:x", "host:-1", "host:65536", "::1:80", "h:\u0663", 80, None]
)
def test_anything_else_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="HOST:PORT"):
        ListenAddress.parse(text)
