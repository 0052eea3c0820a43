"""`recstream evaluate`: judge a bundle on the hold-out that its training left out."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from recstream_trainer.commands.data import ColumnsOption, ItemsOption

if TYPE_CHECKING:
    from recstream_trainer.evaluation import JudgedModel

_EXAMPLE = (
    "Example: recstream train --model als --data ml-100k --protocol C --out als-c && "
    "recstream evaluate --bundle als-c --data ml-100k --protocol C --json als-c.json"
)


def register(app: typer.Typer) -> None:
    """Add ``evaluate``."""
    app.command("evaluate", epilog=_EXAMPLE)(evaluate)


def evaluate(
    *,
    bundle: Annotated[Path, typer.Option(metavar="DIR", help="A bundle that was trained with the same --protocol.")],
    data: Annotated[str, typer.Option(metavar="NAME|PATH", help="The data that it was trained on.")],
    protocol: Annotated[str, typer.Option(metavar="A|C", help="The hold-out; see docs/quality.md.")],
    columns: ColumnsOption = None,
    items: ItemsOption = None,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the metrics there.")] = None,
    report: Annotated[Path | None, typer.Option(metavar="DIR", help="Write a report with plots there.")] = None,
) -> None:
    """Judge a bundle on what its training held out.

    A bundle that has seen the test interactions, because it was trained on everything or with another hold-out, is
    refused: the figures would say how well it remembers.
    """
    # polars is slow to import, and other commands do without it.
    from recstream.bundle import load_bundle  # noqa: PLC0415
    from recstream_trainer.datasets import ColumnMapping, load_dataset  # noqa: PLC0415
    from recstream_trainer.evaluation import judge_bundle, require_protocol, summary_of, write_report  # noqa: PLC0415

    wanted = require_protocol(protocol)
    model = load_bundle(bundle)
    dataset = load_dataset(data, columns=ColumnMapping.parse(columns) if columns else None, items=items)
    judged = judge_bundle(model, dataset, wanted)
    command = shlex.join(["recstream", *sys.argv[1:]])
    if json_file is not None:
        json_file.write_text(json.dumps(summary_of(judged, command=command), indent=2) + "\n", encoding="utf-8")
    if report is not None:
        write_report(report, judged, command=command)
    Console().print(metric_table(judged))


def metric_table(judged: "JudgedModel") -> Table:
    """The metrics of a judged model, for a terminal."""
    split = judged.split
    auc = f", AUC {judged.metrics['auc']:.4f}" if "auc" in judged.metrics else ""
    caption = f"{judged.metrics['users']:,} users{auc}; the model saw {split.final_fit}"
    title = escape(f"{judged.model} on {judged.data}, protocol {split.protocol}, seed {split.seed}")
    table = Table("metric", title=title, caption=caption, title_justify="left", caption_justify="left")
    for k in judged.ks:
        table.add_column(f"@{k}", justify="right")
    for name in dict.fromkeys(key.partition("@")[0] for key in judged.metrics if "@" in key):
        table.add_row(name, *(f"{judged.metrics[f'{name}@{k}']:.4f}" for k in judged.ks))
    return table
