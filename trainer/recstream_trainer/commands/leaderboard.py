"""`recstream leaderboard`: train families on one data set, and compare them."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from recstream.errors import ConfigurationError
from recstream_trainer.commands.data import ColumnsOption, ItemsOption
from recstream_trainer.commands.kept_entries import kept_entry
from recstream_trainer.commands.train_options import DeviceOption

if TYPE_CHECKING:
    from recstream_trainer.evaluation.leaderboard import Entry
    from recstream_trainer.models import Family

_EXAMPLE = "Example: recstream leaderboard --data ml-100k --protocol C --models popular,als,ease,bpr --out ml-100k-c"


def register(app: typer.Typer) -> None:
    """Add ``leaderboard``."""
    app.command("leaderboard", epilog=_EXAMPLE)(leaderboard)


def leaderboard(
    *,
    data: Annotated[str, typer.Option(metavar="NAME|PATH|events:DIR", help="What `recstream train` takes.")],
    protocol: Annotated[str, typer.Option(metavar="A|C|E|F", help="The hold-out; see docs/quality.md.")],
    models: Annotated[str, typer.Option(metavar="FAMILY,...", help="Families, each with its default settings.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the report, and of what is done so far.")],
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the hold-out, the models and the intervals.")] = 1,
    device: DeviceOption = "auto",
    quick: Annotated[bool, typer.Option("--quick", help="Smaller models and a few epochs, to try things out.")] = False,
    columns: ColumnsOption = None,
    items: ItemsOption = None,
) -> None:
    """Train families on one data set and write a table of them: leaderboard.md, .json and .png.

    Each model's figures are kept in OUT/MODEL.json as soon as it is done. The same command again, after an interruption
    or with more models, trains only what is missing or was done on other data or with other settings.
    """
    # torch and polars are slow to import, and other commands do without them.
    from recstream_trainer.config import read_settings  # noqa: PLC0415
    from recstream_trainer.datasets import ColumnMapping, load_dataset  # noqa: PLC0415
    from recstream_trainer.evaluation import require_protocol  # noqa: PLC0415
    from recstream_trainer.evaluation.leaderboard import leaderboard_files, placed  # noqa: PLC0415
    from recstream_trainer.training.device import choose_device  # noqa: PLC0415
    from recstream_trainer.training.run import Run  # noqa: PLC0415

    families, held_out, where = _families(models), require_protocol(protocol), choose_device(device)
    console = Console(highlight=False, soft_wrap=True)
    command = shlex.join(["recstream", *sys.argv[1:]])
    mapping = None if columns is None else ColumnMapping.parse(columns)
    dataset = load_dataset(data, columns=mapping, items=items)
    out.mkdir(parents=True, exist_ok=True)
    entries: list[Entry] = []
    for number, family in enumerate(families, start=1):
        console.print(f"{family.name} ({number} of {len(families)})")
        run = Run(
            family=family,
            dataset=dataset,
            protocol=held_out,
            settings=read_settings(family, quick=quick),
            seed=seed,
            device=where,
            name=family.name,
            command=command,
        )
        entries.append(kept_entry(console, run, out / f"{family.name}.json"))
    places = placed(entries, seed)
    for name, content in leaderboard_files(places, command).items():
        (out / name).write_bytes(content)
    for place in places:
        low, high = place.interval
        console.print(f"{place.entry.model:>12}  NDCG@10 {place.entry.score:.4f} ({low:.4f} to {high:.4f})")
    console.print(f"{out / 'leaderboard.md'}")


def _families(text: str) -> "list[Family]":
    from recstream_trainer.models import load_family  # noqa: PLC0415

    names = [name.strip() for name in text.split(",")]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(f"--models {text}: {twice!r} is named twice; name each family once")
    families = [load_family(name) for name in names]
    for family in families:
        if family.learns_ratings:
            raise ConfigurationError(f"--models {text}: {family.name} predicts ratings; judge it by train --protocol B")
    return families
