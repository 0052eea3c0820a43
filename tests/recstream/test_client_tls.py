"""Files that a client cannot speak TLS with, and options that do not go together."""

from pathlib import Path

import pytest
from certificates import Certificates

from recstream.cli.server_options import client_tls
from recstream.client import ClientTls
from recstream.errors import ConfigurationError


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    made = Certificates(tmp_path_factory.mktemp("certificates"))
    made.file("text.pem").write_text("no PEM")
    return made


@pytest.mark.parametrize(
    ("ca", "certificate", "key", "problem"),
    [
        ("absent.pem", None, None, "TLS: .*absent.pem cannot be read: No such file"),
        ("text.pem", None, None, "TLS: .*text.pem holds no certificate; it must be PEM"),
        ("ca.pem", "client.pem", None, "a client certificate goes with its private key; give both or neither"),
        ("ca.pem", None, "client.key", "a client certificate goes with its private key; give both or neither"),
        ("ca.pem", "absent.pem", "client.key", "TLS: .*absent.pem or .*client.key cannot be read: No such file"),
        ("ca.pem", "client.pem", "server.key", "TLS: .*client.pem and .*server.key do not belong together"),
        ("ca.pem", "text.pem", "client.key", "TLS: .*text.pem and .*client.key cannot be used"),
    ],
)
def test_what_cannot_be_used_is_named(
    ca: str, certificate: str | None, key: str | None, problem: str, certificates: Certificates
) -> None:
    files = [None if name is None else certificates.file(name) for name in (certificate, key)]
    tls = ClientTls(ca=certificates.file(ca), certificate=files[0], private_key=files[1])
    with pytest.raises(ConfigurationError, match=problem):
        tls.channel_credentials()


def test_options_of_the_command_line() -> None:
    ca, certificate, key = map(Path, ("ca.pem", "client.pem", "client.key"))
    assert client_tls(None, None, None) is None
    assert client_tls(ca, certificate, key) == ClientTls(ca=ca, certificate=certificate, private_key=key)
    with pytest.raises(ConfigurationError, match="need --tls-ca"):
        client_tls(None, certificate, key)
