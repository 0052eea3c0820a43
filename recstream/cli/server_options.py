"""Options of every subcommand that talks to a server, and the connection that is made from them."""

# ruff: noqa: PLC0415 - imported when a command runs, as `recstream --help` must not wait for grpc

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from recstream.errors import ConfigurationError

if TYPE_CHECKING:
    from recstream.client import Client
    from recstream.client_tls import ClientTls

DEFAULT_TARGET: Final = "127.0.0.1:50051"

Target: TypeAlias = Annotated[str, typer.Option(metavar="HOST:PORT", help="Address of the server.")]
TlsCa: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Speak TLS; these certificates (PEM) may sign the server's.")
]
TlsCert: TypeAlias = Annotated[
    Path | None, typer.Option(metavar="FILE", help="A client certificate (PEM), for servers that ask for one.")
]
TlsKey: TypeAlias = Annotated[Path | None, typer.Option(metavar="FILE", help="Its private key (PEM).")]


def connect(
    target: str, tls_ca: Path | None, tls_cert: Path | None, tls_key: Path | None, *, timeout_s: float = 5.0
) -> "Client":
    """A client of the server that the options name."""
    # grpc's own log repeats what our errors say. It has to be set before grpc is loaded.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from recstream.client import Client

    tls = client_tls(tls_ca, tls_cert, tls_key)
    return Client(target, credentials=None if tls is None else tls.channel_credentials(), timeout_s=timeout_s)


def client_tls(tls_ca: Path | None, tls_cert: Path | None, tls_key: Path | None) -> "ClientTls | None":
    """What the options say of TLS; None for plain text."""
    from recstream.client_tls import ClientTls

    if tls_ca is not None:
        return ClientTls(ca=tls_ca, certificate=tls_cert, private_key=tls_key)
    if tls_cert is not None or tls_key is not None:
        raise ConfigurationError("--tls-cert and --tls-key need --tls-ca, which tells the server from an impostor")
    return None
