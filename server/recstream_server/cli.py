"""The server's part of the `recstream` command."""

import os
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

import typer

_EXAMPLE = "Example: recstream serve --bundle ml-100k.bundle --state state --listen 127.0.0.1:50051"


Transport: TypeAlias = Literal["auto", "native", "python"]


def register(app: typer.Typer) -> None:
    """Add `serve`."""
    app.command(epilog=_EXAMPLE)(serve)


def serve(
    *,
    bundle: Annotated[Path | None, typer.Option(help="The bundle to serve.", show_default=False)] = None,
    state: Annotated[
        Path | None, typer.Option(help="Folder of the event log and the snapshots.", show_default=False)
    ] = None,
    listen: Annotated[
        str | None,
        typer.Option(metavar="HOST:PORT", help="127.0.0.1:50051 by default; port 0 picks one.", show_default=False),
    ] = None,
    config: Annotated[Path | None, typer.Option(help="A TOML file with settings.", show_default=False)] = None,
    metrics: Annotated[
        str | None, typer.Option(metavar="HOST:PORT", help="Serve /metrics and /health there.", show_default=False)
    ] = None,
    transport: Annotated[
        Transport | None, typer.Option(help="Serve common queries in C++ or in Python.", show_default="auto")
    ] = None,
    insecure_listen: Annotated[
        bool, typer.Option("--insecure-listen", help="Allow an address that other machines can reach, in plain text.")
    ] = False,
    tls_cert: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TLS with this certificate chain (PEM).", show_default=False)
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The certificate's private key (PEM).", show_default=False)
    ] = None,
    tls_client_ca: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Let in only clients with a certificate that one of these signed.", show_default=False
        ),
    ] = None,
    print_config: Annotated[
        bool, typer.Option("--print-config", help="Show every setting with its default, as TOML, and exit.")
    ] = False,
) -> None:
    """Serve recommendations over gRPC until SIGTERM or Ctrl-C. Prints one line when ready."""
    # grpc's own log repeats what our errors say. It has to be set before grpc is loaded.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from recstream_server import app  # noqa: PLC0415 - `recstream --help` stays quick, here and below
    from recstream_server.settings_reference import toml_reference  # noqa: PLC0415
    from recstream_server.settings_sources import load_settings  # noqa: PLC0415
    from recstream_server.telemetry.logs import configure_logs  # noqa: PLC0415

    if print_config:
        typer.echo(toml_reference(), nl=False)
        return
    given = {
        "bundle": bundle,
        "state": state,
        "listen": _present({"address": listen, "insecure": insecure_listen or None, "transport": transport}),
        "tls": _present({"certificate_chain": tls_cert, "private_key": tls_key, "client_ca": tls_client_ca}),
        "metrics": _present({"address": metrics}),
    }
    settings = load_settings(config, _present(given))
    configure_logs(settings.log)
    app.serve(settings, typer.echo)


def _present(options: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if value is not None and value != {}}
