"""``recstream train``."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import typer
from rich.console import Console

from recstream.errors import ConfigurationError, DataError
from recstream_trainer.commands.bundle_run import train_and_write
from recstream_trainer.commands.data import ColumnsOption, ItemsOption
from recstream_trainer.commands.train_options import (
    ConfigOption,
    DataOption,
    DeviceOption,
    ForeignIdsOption,
    InitFromOption,
    ModelOption,
    NameOption,
    OutOption,
    OverwriteOption,
    ProtocolOption,
    QuickOption,
    ResumeOption,
    SeedOption,
    SetOption,
    TensorboardOption,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from recstream_trainer.config import RunSettings
    from recstream_trainer.datasets import Dataset
    from recstream_trainer.evaluation.protocols import Protocol
    from recstream_trainer.models import Family
    from recstream_trainer.peers import Peers

# \b keeps the lines as they are.
_EPILOG = """\b
Examples:
  recstream train --model als --data ml-100k --out ml-100k.bundle
  recstream train --model als --data ml-1m --out ml-1m.bundle --protocol C
  recstream train --model als --data ml-100k --out small.bundle --quick --set model.dimension=16
  recstream train --model als --data events:state --items ml-100k.bundle --out live.bundle
  recstream train --model als --data events:state --items live.bundle --init-from live.bundle --out newer.bundle
"""


def register(app: typer.Typer) -> None:
    """Add ``train``."""
    app.command("train", epilog=_EPILOG)(train)


def train(
    *,
    model: ModelOption,
    data: DataOption,
    out: OutOption,
    protocol: ProtocolOption = None,
    config: ConfigOption = None,
    assignments: SetOption = None,
    seed: SeedOption = 1,
    device: DeviceOption = "auto",
    quick: QuickOption = False,
    columns: ColumnsOption = None,
    items: ItemsOption = None,
    name: NameOption = None,
    overwrite: OverwriteOption = False,
    init_from: InitFromOption = None,
    foreign_ids: ForeignIdsOption = False,
    resume: ResumeOption = False,
    tensorboard: TensorboardOption = None,
) -> None:
    """Train a model and write the bundle that a server loads.

    Without --protocol, the number of epochs is chosen on held-out newest items, and the model is then trained on
    everything. Ctrl-C keeps the best model so far as a bundle, and a checkpoint OUT.checkpoint.npz to --resume from.
    """
    # torch takes seconds to import; `recstream --help` should not.
    from recstream_trainer.config import read_settings  # noqa: PLC0415
    from recstream_trainer.export import bundle_name, check_bundle_name  # noqa: PLC0415
    from recstream_trainer.models import load_family  # noqa: PLC0415
    from recstream_trainer.peers import join_peers  # noqa: PLC0415
    from recstream_trainer.training.device import choose_device  # noqa: PLC0415
    from recstream_trainer.training.previous_bundle import load_previous  # noqa: PLC0415
    from recstream_trainer.training.run import Run  # noqa: PLC0415

    peers = join_peers()
    console = Console(quiet=not peers.is_first)
    family = load_family(model)
    settings = read_settings(family, file=config, assignments=assignments or (), quick=quick)
    held_out, where = _protocol(protocol, settings, family), choose_device(device)
    if peers.count > 1:
        _check_together(family, where)
    if name is not None:
        check_bundle_name(name)
    _make_way(out, replace=overwrite or resume)
    shared_ids = not foreign_ids and held_out != "F"
    previous = None if init_from is None else load_previous(init_from, family, shared_ids=shared_ids)
    dataset = _in_turn(peers, lambda: _load(console, data, settings, columns, items))
    run = Run(
        family=family,
        dataset=dataset,
        protocol=held_out,
        settings=settings,
        seed=seed,
        device=where,
        name=name or bundle_name(dataset.name, family.name),
        command=shlex.join(["recstream", *sys.argv[1:]]),
        begins_from=previous,
    )
    train_and_write(console, peers, run, out, overwrite=overwrite, resume=resume, tensorboard=tensorboard)


def _make_way(out: Path, *, replace: bool) -> None:
    """Say before the training, not after it, that the bundle could not be written."""
    from recstream.bundle import check_target  # noqa: PLC0415

    if out.exists() and not replace:
        raise ConfigurationError(f"--out {out}: exists; choose another folder, or replace a bundle with --overwrite")
    out.parent.mkdir(parents=True, exist_ok=True)
    check_target(out.absolute(), overwrite=replace)


def _check_together(family: "Family", device: str) -> None:
    if not family.data_parallel:
        raise ConfigurationError(
            f"--model {family.name}: cannot be trained by several processes; the sequence models, the autoencoders "
            "and two_tower can. Train it without torchrun"
        )
    if device != "cpu":
        raise ConfigurationError("--device: several processes train on CPUs only; give --device cpu")


def _protocol(text: str | None, settings: "RunSettings", family: "Family") -> "Protocol | Literal['B'] | None":
    from recstream_trainer.evaluation.protocols import require_protocol  # noqa: PLC0415

    if text is None:
        return None
    if text.upper() == "B":
        if family.rate is None:
            raise ConfigurationError(
                f"--protocol B: {family.name} does not predict ratings; biased_mf, svdpp, item_knn and user_knn do"
            )
        return "B"
    if "min_rating" in settings.data.model_fields_set:
        raise ConfigurationError("data.min_rating: the protocol says what is positive; leave it out, or --protocol")
    return require_protocol(text)


def _in_turn(peers: "Peers", load: "Callable[[], Dataset]") -> "Dataset":
    """Load in the first process, which may have to fetch, and then in the others; they must find the same."""
    if not peers.is_first:
        peers.wait()
    dataset = load()
    if peers.is_first:
        peers.wait()
    if not peers.same(dataset.fingerprint):
        raise DataError(f"--data: {dataset.name} changed while the processes read it; train on a copy")
    return dataset


def _load(console: Console, source: str, settings: "RunSettings", columns: str | None, items: Path | None) -> "Dataset":
    from recstream_trainer.datasets import ColumnMapping, load_dataset  # noqa: PLC0415

    dataset = load_dataset(
        source,
        columns=None if columns is None else ColumnMapping.parse(columns),
        cleaning=settings.data.cleaning_rules(),
        items=items,
    )
    console.print(dataset.cleaning.as_table())
    return dataset
