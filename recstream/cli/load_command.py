"""The subcommand that puts load on a server and measures it."""

# ruff: noqa: PLC0415 - imported when the command runs, as `recstream --help` must not wait for NumPy

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recstream.cli.server_options import DEFAULT_TARGET, Target, TlsCa, TlsCert, TlsKey, client_tls
from recstream.errors import ConfigurationError, RecstreamError

if TYPE_CHECKING:
    from recstream.load.run import Capacity, Run
    from recstream.load.schedule import Stage

_KINDS = "recommend, stream, event, stream-event, watch"


def load(
    *,
    target: Target = DEFAULT_TARGET,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    rate: Annotated[float, typer.Option(min=0, help="Open loop: so many requests a second, whatever happens.")] = 0,
    ramp: Annotated[str, typer.Option(metavar="FROM:TO:STEP", help="Open loop at rising rates.")] = "",
    concurrency: Annotated[int, typer.Option(min=0, help="Closed loop: so many calls at a time.")] = 0,
    find_capacity: Annotated[
        bool, typer.Option("--find-capacity", help="Search the highest rate whose p99 is within --p99-ms.")
    ] = False,
    p99_ms: Annotated[float, typer.Option(min=0.001, help="The p99 that --find-capacity must keep.")] = 10,
    duration: Annotated[float, typer.Option(min=0.1, help="Seconds; of each stage and trial.")] = 10,
    warmup: Annotated[float, typer.Option(min=0, help="Seconds of the same load before, not measured.")] = 1,
    mix: Annotated[str, typer.Option(help=f"Kinds of calls and their weights: {_KINDS}.")] = "recommend",
    bundle: Annotated[Path | None, typer.Option(metavar="DIR", help="The bundle whose users and items to use.")] = None,
    user_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Users instead, one id a line.")] = None,
    item_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Items instead, one id a line.")] = None,
    users: Annotated[str, typer.Option(help="How users are drawn: uniform, or zipf:1.1 for some exponent.")] = (
        "uniform"
    ),
    count: Annotated[int, typer.Option("-k", "--count", min=1, max=1000, help="Items that each answer must have.")] = (
        10
    ),
    event_type: Annotated[str, typer.Option(metavar="TYPE", help="Type of the events.")] = "view",
    processes: Annotated[int, typer.Option(min=1, max=256, help="Client processes.")] = 1,
    connections: Annotated[int, typer.Option(min=1, max=256, help="Connections; one a process at least.")] = 1,
    streams: Annotated[int, typer.Option(min=1, max=10_000, help="StreamingRecommend streams.")] = 8,
    watchers: Annotated[int, typer.Option(min=0, max=50_000, help="Idle watch streams held open beside.")] = 0,
    timeout: Annotated[float, typer.Option(min=0.001, help="Seconds to wait for an answer.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    max_errors: Annotated[float, typer.Option(min=0, max=1, help="Largest share of failures; beyond: exit 1.")] = 0,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write all figures.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="DIR", help="Write pictures; needs matplotlib.")] = None,
    dump_body: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Only write one request of RecommendItems, as h2load takes it.")
    ] = None,
) -> None:
    """Put load on a server; latency counts from the moment at which each request was due."""
    _require_packages()
    from recstream.load.driver import needs_items
    from recstream.load.plots import require_matplotlib, write_plots
    from recstream.load.population import load_population
    from recstream.load.settings import LoadSettings, parse_mix, parse_users

    settings = LoadSettings(
        target=target,
        mix=parse_mix(mix),
        count=count,
        event_type=event_type,
        zipf=parse_users(users),
        seed=seed,
        processes=processes,
        connections=max(connections, processes),
        streams=max(streams, processes),
        watchers=watchers,
        timeout_s=timeout,
        tls=client_tls(tls_ca, tls_cert, tls_key),
    )
    stages = _stages(rate, ramp, concurrency, find_capacity, duration) if dump_body is None else []
    population = load_population(bundle=bundle, user_file=user_file, item_file=item_file)
    if needs_items(settings.mix) and not len(population.items):
        raise ConfigurationError("--mix: events are about items; give --bundle or --item-file")
    if dump_body is not None:
        _dump(dump_body, population.users[0], count)
        return
    if plot is not None:
        require_matplotlib()

    from recstream.load.capacity import Target
    from recstream.load.fleet import Fleet
    from recstream.load.progress import Progress
    from recstream.load.report import write_json
    from recstream.load.run import Run

    with Fleet(settings, population) as fleet, Progress() as progress:
        run = Run(fleet, progress, warmup_s=warmup)
        if find_capacity:
            goal, start = Target(p99_ms), rate or 100
            capacity = run.capacity(goal, start=start, seconds=duration, max_errors=max_errors)
        else:
            capacity = None
            run.stages(stages)
    _show(run, capacity, p99_ms)
    if json_file is not None:
        found = {"rate_per_s": capacity.rate, "p99_ms": p99_ms} if capacity is not None else None
        write_json(json_file, settings, len(population.users), run.results, found)
    if plot is not None:
        for path in write_plots(run.results, plot):
            typer.echo(f"wrote {path}")
    _judge(run, max_errors, capacity)


def _require_packages() -> None:
    for package in ("hdrh", "hpack"):
        if find_spec(package) is None:
            raise RecstreamError(f"{package} is not installed: pip install 'recstream[load]'")


def _stages(rate: float, ramp: str, concurrency: int, find_capacity: bool, duration: float) -> "Sequence[Stage]":
    from recstream.load.schedule import Stage
    from recstream.load.settings import parse_ramp

    if find_capacity and not ramp and not concurrency:
        return []
    if find_capacity or sum(map(bool, (rate, ramp, concurrency))) != 1:
        raise ConfigurationError(
            "give one of --rate, --ramp and --concurrency, or --find-capacity (where --rate is the first trial)"
        )
    if concurrency:
        return [Stage(duration, concurrency=concurrency)]
    return [Stage(duration, rate=step) for step in (parse_ramp(ramp) if ramp else [rate])]


def _dump(path: Path, user_id: str, count: int) -> None:
    from recstream.load.frames import framed
    from recstream.load.operations import recommend_message

    path.write_bytes(framed(recommend_message(user_id, count)))
    typer.echo(f"wrote a request for {count} items for user {user_id!r} to {path}")


def _show(run: "Run", capacity: "Capacity | None", p99_ms: float) -> None:
    from recstream.cli.tables import make_console
    from recstream.load.report import remarks, stage_table

    make_console().print(stage_table(run.results))
    for remark in remarks(run.results):
        typer.echo(remark, err=True)
    if capacity is not None:
        typer.echo(f"capacity: {capacity.rate:,.0f} requests/s with p99 <= {p99_ms:g} ms")
        if capacity.client_was_bottleneck:
            typer.echo("the client was a bottleneck in a trial above it, so the server may do more", err=True)


def _judge(run: "Run", max_errors: float, capacity: "Capacity | None") -> None:
    """Exit 1 when too much failed, or no capacity was found; trials of a search may fail."""
    if capacity is not None:
        if not capacity.rate:
            raise RecstreamError("no rate met the target; see the failures above, or allow a larger --p99-ms")
        return
    sent, failed = (sum(values) for values in zip(*((one.sent, one.failed) for one in run.results), strict=True))
    if not sent or failed / sent > max_errors:
        raise RecstreamError(f"{failed} of {sent} calls failed; --max-errors allows a share of {max_errors:g}")
