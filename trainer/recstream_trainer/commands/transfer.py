"""`recstream transfer`: what it is worth to begin from a bundle of other data."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer
from rich.console import Console

from recstream.errors import ConfigurationError
from recstream_trainer.commands.data import ColumnsOption, ItemsOption
from recstream_trainer.commands.kept_entries import kept_entry
from recstream_trainer.commands.train_options import DeviceOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from recstream_trainer.training.previous_bundle import PreviousBundle

Number = TypeVar("Number", int, float)

_TRAINING = ("training.metric=auc", "training.patience=50", "training.max_epochs=50")
"""Settings of both beginnings, unless others are given.

A small share leaves a hundred people to judge by, most of whose lists of ten hold nothing that is sought: NDCG@10 is
mostly chance there, and stopped training anywhere. AUC looks at the whole ranking. It falls when what was inherited
begins to learn, and takes ten epochs and more to recover, so all epochs are judged.
"""

_EXAMPLE = (
    "Example: recstream transfer --init-from ml-1m.bundle --data ml-100k --shares 0.01,0.05,0.2 --out ml-1m-to-100k"
)


def register(app: typer.Typer) -> None:
    """Add ``transfer``."""
    app.command("transfer", epilog=_EXAMPLE)(transfer)


def transfer(
    *,
    init_from: Annotated[Path, typer.Option(metavar="BUNDLE", help="Of a family that reads text, such as two_tower.")],
    data: Annotated[str, typer.Option(metavar="NAME|PATH", help="Other data, of which only a share is learned from.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the report, and of what is done so far.")],
    shares: Annotated[
        str, typer.Option(metavar="SHARE,...", help="Shares of the positives to learn from, at most 0.2.")
    ] = "0.01,0.05,0.2",
    seeds: Annotated[
        str, typer.Option(metavar="N,...", help="Of the hold-out, the models and the intervals.")
    ] = "1,2,3",
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="A setting of all runs, as for `recstream train`."),
    ] = None,
    device: DeviceOption = "auto",
    quick: Annotated[bool, typer.Option("--quick", help="Smaller models and a few epochs, to try things out.")] = False,
    columns: ColumnsOption = None,
    items: ItemsOption = None,
) -> None:
    """Train on small shares of a data set, from a bundle and anew, and write a table: transfer.md and .json.

    This is protocol F of docs/quality.md: text and attributes are all that the data of the bundle and these have in
    common, whatever their ids are. What is done is kept in OUT, and not done again by the same command.
    """
    # torch and polars are slow to import, and other commands do without them.
    from recstream.bundle import load_bundle  # noqa: PLC0415
    from recstream_trainer.config import read_settings  # noqa: PLC0415
    from recstream_trainer.datasets import ColumnMapping, load_dataset  # noqa: PLC0415
    from recstream_trainer.evaluation.transfer import Pair, transfer_files  # noqa: PLC0415
    from recstream_trainer.models import load_family  # noqa: PLC0415
    from recstream_trainer.training.device import choose_device  # noqa: PLC0415
    from recstream_trainer.training.previous_bundle import load_previous  # noqa: PLC0415
    from recstream_trainer.training.run import Run  # noqa: PLC0415

    family = load_family(load_bundle(init_from).manifest.family)
    previous, where = load_previous(init_from, family, shared_ids=False), choose_device(device)
    console, command = Console(highlight=False, soft_wrap=True), shlex.join(["recstream", *sys.argv[1:]])
    mapping = None if columns is None else ColumnMapping.parse(columns)
    dataset = load_dataset(data, columns=mapping, items=items)
    out.mkdir(parents=True, exist_ok=True)

    def run_of(share: float, seed: int, begins_from: "PreviousBundle | None") -> "Run":
        usual = () if quick else _TRAINING
        given = [*usual, *(assignments or ()), f"data.share={share}"]
        return Run(
            family=family,
            dataset=dataset,
            protocol="F",
            settings=read_settings(family, assignments=given, quick=quick),
            seed=seed,
            device=where,
            name=family.name,
            command=command,
            begins_from=begins_from,
        )

    pairs = []
    for share in _numbers("--shares", shares, float):
        for seed in _numbers("--seeds", seeds, int):
            console.print(f"{share:.2%}, seed {seed}: anew, then from {init_from}")
            stem = f"{share:g}-{seed}"
            scratch = kept_entry(console, run_of(share, seed, None), out / f"{stem}-anew.json")
            tuned = kept_entry(console, run_of(share, seed, previous), out / f"{stem}-tuned.json")
            pairs.append(Pair(share, seed, scratch, tuned))
    manifest = previous.bundle.manifest
    for name, content in transfer_files(pairs, f"{manifest.name} {manifest.version}", command).items():
        (out / name).write_bytes(content)
    for pair in pairs:
        low, high = pair.intervals["gain"]
        console.print(
            f"{pair.share:>6.2%} seed {pair.seed}: NDCG@10 {pair.scratch.score:.4f} anew, {pair.tuned.score:.4f} from "
            f"the bundle, {pair.gain:+.4f} ({low:+.4f} to {high:+.4f})"
        )
    console.print(f"{out / 'transfer.md'}")


def _numbers(option: str, text: str, kind: "Callable[[str], Number]") -> "list[Number]":
    try:
        numbers = [kind(part) for part in text.split(",")]
    except ValueError:
        raise ConfigurationError(f"{option} {text!r}: give numbers with commas between them") from None
    if len(set(numbers)) < len(numbers):
        raise ConfigurationError(f"{option} {text}: holds a number twice")
    return numbers
