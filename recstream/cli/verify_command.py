"""``recstream verify``."""

# ruff: noqa: PLC0415 - imported when the command runs, as `recstream --help` must not wait for grpc

from pathlib import Path
from typing import Annotated

import typer

from recstream.cli.server_options import DEFAULT_TARGET, Target, TlsCa, TlsCert, TlsKey, connect

_SHOWN = 10


def verify(
    *,
    bundle: Annotated[Path, typer.Option(metavar="DIR", help="The bundle that the server serves.")],
    target: Target = DEFAULT_TARGET,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    users: Annotated[int, typer.Option(min=1, max=1000, help="How many users of each sort to compare.")] = 20,
    tolerance: Annotated[
        float, typer.Option(min=0, help="Largest difference of two scores, as a share of the largest of a list.")
    ] = 1e-4,
    write_events: Annotated[
        bool, typer.Option("--write-events/--no-write-events", help="Write clicks of users named verify-...")
    ] = True,
) -> None:
    """Compare a server's answers with the trainer's own, and with what the bundle's numbers say.

    Asked are users of the training, users with recent events and, unless told otherwise, new users whose events are
    written. The exit code is 1 when an answer differs by more than the tolerance. The server must have the default
    event types.
    """
    from recstream.bundle import load_bundle
    from recstream.cli.tables import make_console
    from recstream.verification import verify as run

    console = make_console()
    loaded = load_bundle(bundle)
    with connect(target, tls_ca, tls_cert, tls_key) as client:
        result = run(client, loaded, users=users, tolerance=tolerance, write_events=write_events)
    for what, count in result.compared.items():
        console.print(f"{count:>6,} users compared with {what}")
    if result.skipped:
        console.print(f"{result.skipped:>6,} users skipped: they have live events")
    console.print(f"largest difference {result.largest_difference:.2e} of a list's largest score")
    for problem in result.problems[:_SHOWN]:
        console.print(problem)
    if result.problems or not result.compared:
        console.print(f"NOT verified: {len(result.problems):,} answers are wrong")
        raise typer.Exit(1)
    console.print("verified: the server answers as the trainer and the bundle do")
