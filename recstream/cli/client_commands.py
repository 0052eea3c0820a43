"""Subcommands that talk to a server: recommend, event, events, similar, watch, models, load, verify."""

# ruff: noqa: PLC0415 - imported when a command runs, as `recstream --help` must not wait for grpc

from collections.abc import Sequence
from contextlib import ExitStack, suppress
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from recstream.cli.load_command import load
from recstream.cli.server_options import DEFAULT_TARGET, Target, TlsCa, TlsCert, TlsKey, connect
from recstream.cli.verify_command import verify

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from recstream.client import RecommendFields
    from recstream.v1.recommendation_service_pb2 import RecommendItemsResponse
    from recstream.v1.types_pb2 import ModelVersion

User: TypeAlias = Annotated[str, typer.Option(metavar="ID", help="The user.")]
Session: TypeAlias = Annotated[str, typer.Option(metavar="ID", help="The visit, for people without a user id.")]
Item: TypeAlias = Annotated[str, typer.Option(metavar="ID", help="The item.")]
Count: TypeAlias = Annotated[int, typer.Option("-k", "--count", min=1, max=1000, help="How many items.")]
Seen: TypeAlias = Annotated[bool, typer.Option("--include-seen", help="Seen items may be in the answer.")]
Exclude: TypeAlias = Annotated[list[str] | None, typer.Option(metavar="ID", help="Leave this item out; repeatable.")]
Candidate: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="ID", help="Choose among these items only; repeatable.")
]
Where: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="CONDITION",
        help="Only items for which this holds: genres=Comedy|Drama (any of these), genres!=War (none of these), "
        "year>=1990 (also > <= <), year (has one), !year (has none); repeatable, all must hold. Numbers, true and "
        'false are compared as such; in double quotes they are text: code="7".',
    ),
]
Timeout: TypeAlias = Annotated[float, typer.Option("--timeout", min=0.001, help="Seconds to wait for an answer.")]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print the answer as JSON, one object a line.")]


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
    with_filter = "recstream recommend --user 42 -k 5 --where 'genres=Comedy|Drama' --where 'year>=1990'"
    app.command(epilog=f"Example: {with_filter}")(recommend)
    app.command(epilog="Example: recstream event --user 42 --item 50 --type click")(event)
    app.command(epilog="Example: recstream events --user 42 --count 5")(events)
    app.command(epilog="Example: recstream similar --item 50 --where 'genres!=War'")(similar)
    app.command(epilog="Example: recstream watch --user 42")(watch)
    app.command(epilog="Example: recstream models")(models)
    app.command(epilog="Example: recstream load --bundle ml-100k.bundle --rate 500 --mix recommend=95,event=5")(load)
    app.command(epilog="Example: recstream verify --bundle ml-100k.bundle --target 127.0.0.1:50051")(verify)


def recommend(
    *,
    user: User = "",
    session: Session = "",
    count: Count = 10,
    include_seen: Seen = False,
    exclude: Exclude = None,
    candidate: Candidate = None,
    where: Where = None,
    target: Target = DEFAULT_TARGET,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Show the best items for a user, best first."""
    from recstream.cli.tables import make_console, recommendation_table

    query = _query(session, count, include_seen, exclude, candidate, where=where)
    with connect(target, tls_ca, tls_cert, tls_key, timeout_s=timeout) as client:
        answer = client.recommend_items(user, **query)
    if as_json:
        _print_json(answer)
    else:
        make_console().print(recommendation_table(answer.recommendations), _caption(answer))


def event(
    *,
    item: Item,
    type_: Annotated[str, typer.Option("--type", metavar="TYPE", help="What happened, for example click or like.")],
    user: User = "",
    session: Session = "",
    value: Annotated[float | None, typer.Option(help="A rating, or seconds of dwell time.")] = None,
    event_id: Annotated[str, typer.Option(metavar="ID", help="Idempotency key; a random one by default.")] = "",
    attribution: Annotated[
        str, typer.Option(metavar="TOKEN", help="The attribution_token of the answer that showed the item.")
    ] = "",
    target: Target = DEFAULT_TARGET,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Store what a user did with an item; every later answer reflects it."""
    with connect(target, tls_ca, tls_cert, tls_key, timeout_s=timeout) as client:
        ack = client.write_user_event(
            item_id=item,
            event_type=type_,
            user_id=user,
            session_id=session,
            value=value,
            event_id=event_id,
            attribution_token=attribution,
        )
    if as_json:
        _print_json(ack)
    else:
        what = "was stored before" if ack.duplicate else "is stored"
        typer.echo(f"event {ack.event_id} {what}, state version {ack.state_version}")


def events(
    *,
    user: User,
    count: Annotated[int, typer.Option("-k", "--count", min=1, help="How many events.")] = 20,
    target: Target = DEFAULT_TARGET,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Show a user's stored events, newest first."""
    from itertools import islice

    from recstream.cli.tables import event_table, make_console

    with connect(target, tls_ca, tls_cert, tls_key, timeout_s=timeout) as client:
        stored = list(islice(client.list_user_events(user, page_size=count), count))
    if as_json:
        _print_json(*stored)
    else:
        make_console().print(event_table(stored))


def similar(
    *,
    item: Item,
    count: Count = 10,
    where: Where = None,
    target: Target = DEFAULT_TARGET,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Show the items nearest to an item, nearest first."""
    from recstream.cli.tables import make_console, recommendation_table
    from recstream.cli.where import parse_where

    item_filter = parse_where(where or ())
    with connect(target, tls_ca, tls_cert, tls_key, timeout_s=timeout) as client:
        answer = client.find_similar_items(item, page_size=count, include_attributes=True, filter=item_filter)
    if as_json:
        _print_json(answer)
    else:
        make_console().print(recommendation_table(answer.recommendations), _model_name(answer.model))


def watch(
    *,
    user: User = "",
    session: Session = "",
    count: Count = 10,
    include_seen: Seen = False,
    exclude: Exclude = None,
    candidate: Candidate = None,
    where: Where = None,
    lists: Annotated[int, typer.Option(min=0, help="Stop after so many lists; 0 goes on until Ctrl-C.")] = 0,
    target: Target = DEFAULT_TARGET,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    as_json: Json = False,
) -> None:
    """Show a user's recommendations, and again whenever events change them."""
    from itertools import islice

    from recstream.cli.watch_screen import WatchScreen

    query = _query(session, count, include_seen, exclude, candidate, where=where)
    with suppress(KeyboardInterrupt), connect(target, tls_ca, tls_cert, tls_key) as client, ExitStack() as picture:
        show = _print_json if as_json else picture.enter_context(WatchScreen()).show
        for update in islice(client.watch_recommendations(user, **query), lists or None):
            show(update)


def models(
    *,
    target: Target = DEFAULT_TARGET,
    tls_ca: TlsCa = None,
    tls_cert: TlsCert = None,
    tls_key: TlsKey = None,
    timeout: Timeout = 5.0,
    as_json: Json = False,
) -> None:
    """Show the models that the server holds."""
    from recstream.cli.tables import make_console, model_table

    with connect(target, tls_ca, tls_cert, tls_key, timeout_s=timeout) as client:
        held = list(client.list_models())
    if as_json:
        _print_json(*held)
    else:
        make_console().print(model_table(held))


def _query(
    session: str,
    count: int,
    include_seen: bool,
    exclude: Sequence[str] | None,
    candidate: Sequence[str] | None,
    *,
    where: Sequence[str] | None,
) -> "RecommendFields":
    from recstream.cli.where import parse_where

    return {
        "session_id": session,
        "page_size": count,
        "include_seen": include_seen,
        "exclude_item_ids": exclude or (),
        "candidate_item_ids": candidate or (),
        "include_attributes": True,
        "filter": parse_where(where or ()),
    }


def _caption(answer: "RecommendItemsResponse") -> str:
    from recstream.cli.tables import printable
    from recstream.v1.types_pb2 import FALLBACK_POPULAR, FALLBACK_SESSION

    parts = [_model_name(answer.model), f"state version {answer.state_version}"]
    parts += {FALLBACK_SESSION: ["from the session"], FALLBACK_POPULAR: ["popular items"]}.get(answer.fallback, [])
    parts += ["approximate"] if answer.approximate else []
    parts += [f"unknown: {', '.join(answer.missing_item_ids)}"] if answer.missing_item_ids else []
    return printable(", ".join(parts))


def _model_name(model: "ModelVersion") -> str:
    return f"{model.name} {model.version}"


def _print_json(*messages: "Message") -> None:
    from google.protobuf.json_format import MessageToJson

    for message in messages:
        typer.echo(MessageToJson(message, preserving_proto_field_name=True, indent=None))
