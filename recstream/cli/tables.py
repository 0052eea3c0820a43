"""Tables of recommendations, events and models for a terminal."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from recstream.v1.model_service_pb2 import Model
    from recstream.v1.types_pb2 import AttributeValue, Recommendation
    from recstream.v1.user_event_service_pb2 import StoredUserEvent

# A pipe has no width; wide enough that titles are not cut.
_PIPE_WIDTH = 140


def make_console() -> Console:
    """A console for the standard output, wide when that is not a terminal."""
    console = Console(highlight=False, markup=False)
    return console if console.is_terminal else Console(highlight=False, markup=False, width=_PIPE_WIDTH)


def recommendation_table(recommendations: "Sequence[Recommendation]", *, before: Sequence[str] | None = None) -> Table:
    """A row per item: rank, id, title, genres, score.

    Parameters
    ----------
    recommendations : sequence
        Best first; titles and genres come from their attributes, where there are any.
    before : item ids, optional
        The list that this one follows: adds a column that says how each item has moved.
    """
    table = _table()
    named = any(item.attributes for item in recommendations)
    table.add_column("#", justify="right")
    if before is not None:
        table.add_column("moved")
    table.add_column("item", overflow="fold")
    if named:
        table.add_column("title", overflow="ellipsis", no_wrap=True)
        table.add_column("genres", overflow="ellipsis", no_wrap=True)
    table.add_column("score", justify="right")
    for rank, item in enumerate(recommendations):
        row = [Text(str(rank + 1))]
        if before is not None:
            row.append(_move_text(move(item.item_id, rank, before)))
        row.append(Text(printable(item.item_id)))
        if named:
            row += [Text(_attribute(item, "title")), Text(_attribute(item, "genres"))]
        table.add_row(*row, Text(f"{item.score:.4f}"))
    return table


def move(item_id: str, rank: int, before: Sequence[str]) -> str:
    """How an item has moved since the list `before`: ``new``, ``+2`` (up), ``-1`` (down) or nothing."""
    if item_id not in before:
        return "new"
    up = before.index(item_id) - rank
    return f"{up:+d}" if up else ""


def event_table(events: "Iterable[StoredUserEvent]") -> Table:
    """A row per event, in the order given."""
    table = _table()
    for name in ("state", "time", "type", "item", "value", "event id"):
        table.add_column(name, overflow="fold")
    for stored in events:
        event = stored.event
        moment = event.event_time.ToDatetime().isoformat(sep=" ", timespec="seconds")
        value = f"{event.value:g}" if event.HasField("value") else ""
        cells = (str(stored.state_version), moment, event.event_type, event.item_id, value, event.event_id)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def model_table(models: "Iterable[Model]") -> Table:
    """A row per model."""
    table = _table()
    for name in ("model", "version", "family", "retrieval", "items", "users", "dimension", "made", "metrics"):
        table.add_column(name, overflow="fold")
    for model in models:
        metrics = ", ".join(f"{name} {value:.4f}" for name, value in sorted(model.metrics.items()))
        made = model.create_time.ToDatetime().isoformat(sep=" ", timespec="seconds")
        counts = (str(model.item_count), str(model.user_count), str(model.dimension))
        cells = (model.version.name, model.version.version, model.family, model.retrieval, *counts, made, metrics)
        table.add_row(*(Text(printable(cell)) for cell in cells))
    return table


def printable(text: str) -> str:
    """The text without characters that a terminal would obey: catalogues hold what people typed."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)


def _table() -> Table:
    return Table(box=None, header_style="bold", pad_edge=False)


def _move_text(moved: str) -> Text:
    if moved == "new":
        return Text("new", style="bold cyan")
    if moved.startswith("+"):
        return Text(f"▲ {moved[1:]}", style="green")
    return Text(f"▼ {moved[1:]}", style="red") if moved else Text("")


def _attribute(item: "Recommendation", name: str) -> str:
    return printable(_value(item.attributes[name])) if name in item.attributes else ""


def _value(value: "AttributeValue") -> str:
    kind = value.WhichOneof("kind")
    if kind == "string_list":
        return ", ".join(value.string_list.values)
    if kind == "number_value":
        return f"{value.number_value:g}"
    return str(getattr(value, kind)) if kind else ""
