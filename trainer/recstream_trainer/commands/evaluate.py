"""`recstream evaluate`: judge a bundle on the hold-out that its training left out."""

import json
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
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
    protocol: Annotated[str, typer.Option(metavar="A|C|E|F", help="The hold-out; see docs/quality.md.")],
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
    from recstream_trainer.config import DataSettings  # noqa: PLC0415
    from recstream_trainer.datasets import ColumnMapping, load_dataset  # noqa: PLC0415
    from recstream_trainer.evaluation import judge_bundle, require_protocol, summary_of, write_report  # noqa: PLC0415

    wanted = require_protocol(protocol)
    model = load_bundle(bundle)
    mapping = ColumnMapping.parse(columns) if columns else None
    noted = DataSettings.model_validate(model.manifest.training.config.get("data", {}))
    dataset = load_dataset(data, columns=mapping, cleaning=noted.cleaning_rules(), items=items)
    judged = judge_bundle(model, dataset, wanted, share=noted.share)
    command = shlex.join(["recstream", *sys.argv[1:]])
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(summary_of(judged, command=command), indent=2) + "\n", encoding="utf-8")
    if report is not None:
        write_report(report, judged, command=command)
    _show(judged)


def _show(judged: "JudgedModel") -> None:
    split, metrics = judged.split, judged.metrics
    auc = f", AUC {metrics['auc']:.4f}" if "auc" in metrics else ""
    table = Table("metric", *(f"@{k}" for k in judged.ks))
    for name in dict.fromkeys(key.partition("@")[0] for key in metrics if "@" in key):
        table.add_row(name, *(f"{metrics[f'{name}@{k}']:.4f}" for k in judged.ks))
    console = Console(highlight=False, markup=False, soft_wrap=True)
    console.print(f"{judged.model} on {judged.data}, protocol {split.protocol}, seed {split.seed}")
    console.print(table)
    first = min(judged.ks)
    for key in (f"{name}@{first}" for name in ("recall", "ndcg", "hr")):
        low, high = judged.intervals[key]
        console.print(f"{key} {metrics[key]:.4f}, 95% {low:.4f} to {high:.4f}; chance {judged.chance[key]:.4f}")
    console.print(f"{metrics['users']:,} users{auc}; the model saw {split.final_fit}")
