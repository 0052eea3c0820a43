"""``recstream train``."""

import os
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from rich.console import Console

from recstream.errors import ConfigurationError, DataError
from recstream_trainer.commands.data import ColumnsOption, ItemsOption

if TYPE_CHECKING:
    from collections.abc import Callable

    from recstream.bundle import Manifest
    from recstream_trainer.config import RunSettings
    from recstream_trainer.datasets import Dataset
    from recstream_trainer.evaluation.protocols import Protocol
    from recstream_trainer.evaluation.rating_accuracy import RatingAccuracy
    from recstream_trainer.models import Family
    from recstream_trainer.peers import Peers
    from recstream_trainer.training.fit import Observer, Plan
    from recstream_trainer.training.run import Prepared, Run

InitFromOption = Annotated[
    Path | None,
    typer.Option("--init-from", metavar="BUNDLE", help="Go on from a bundle of the same family; see docs/training.md."),
]

_INTERRUPTED = 130
"""What shells report for a process that Ctrl-C ended."""

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
    model: Annotated[
        str, typer.Option(metavar="FAMILY", help="Model family, such as als or sasrec; docs/training.md has all.")
    ],
    data: Annotated[
        str,
        typer.Option(
            metavar="NAME|PATH|events:DIR",
            help="ml-100k, ml-1m, completejourney, a CSV, TSV or Parquet file, or a server's --state.",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the bundle that is made.")],
    protocol: Annotated[
        str | None, typer.Option(metavar="A|B|C|E|F", help="Hold out a test part by this protocol, and report on it.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="TOML file with tables data, training and model; see docs/training.md."),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="One setting, such as model.dimension=64; can be repeated."),
    ] = None,
    seed: Annotated[
        int, typer.Option(min=0, metavar="N", help="Of everything random; the same seed makes the same bundle.")
    ] = 1,
    device: Annotated[str, typer.Option(metavar="DEVICE", help="Where torch computes: auto, cpu or cuda.")] = "auto",
    quick: Annotated[
        bool, typer.Option("--quick", help="A smaller model and a few epochs, to try things out.")
    ] = False,
    columns: ColumnsOption = None,
    items: ItemsOption = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="Of the model; by default from the data and the family.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the bundle that is there.")] = False,
    init_from: InitFromOption = None,
    foreign_ids: Annotated[
        bool,
        typer.Option("--foreign-ids", help="Equal ids in --init-from and --data do not mean the same users and items."),
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the checkpoint of an interrupted run.")] = False,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write loss and metric of every epoch for TensorBoard.")
    ] = None,
) -> None:
    """Train a model and write the bundle that a server loads.

    Without --protocol, the number of epochs is chosen on held-out newest items, and the model is then trained on
    everything. Ctrl-C keeps the best model so far as a bundle, and a checkpoint OUT.checkpoint.npz to --resume from.
    """
    # torch takes seconds to import; `recstream --help` should not.
    from recstream.bundle import check_target  # noqa: PLC0415
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
    if out.exists() and not (overwrite or resume):
        raise ConfigurationError(f"--out {out}: exists; choose another folder, or replace a bundle with --overwrite")
    out.parent.mkdir(parents=True, exist_ok=True)
    check_target(out.absolute(), overwrite=overwrite or resume)
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
    _train(console, peers, run, out, overwrite=overwrite, resume=resume, tensorboard=tensorboard)


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


def _train(
    console: Console, peers: "Peers", run: "Run", out: Path, *, overwrite: bool, resume: bool, tensorboard: Path | None
) -> None:
    from recstream_trainer.models.epoch_share import listening  # noqa: PLC0415
    from recstream_trainer.training import CheckpointFile, Interruption, ProgressReporter, fit  # noqa: PLC0415
    from recstream_trainer.training.previous_bundle import WEIGHTS_FILE  # noqa: PLC0415
    from recstream_trainer.training.run import export, plan_of, prepare  # noqa: PLC0415
    from recstream_trainer.training.run_state import RunState  # noqa: PLC0415
    from recstream_trainer.training.seeds import seed_everything  # noqa: PLC0415
    from recstream_trainer.training.tensorboard import TensorboardWriter  # noqa: PLC0415

    settings = run.settings.training
    checkpoint = CheckpointFile(out.with_name(f"{out.name}.checkpoint.npz"), run.identity, settings.checkpoint_every_s)
    state = checkpoint.load() if resume else RunState()
    seed_everything(run.seed)
    prepared = prepare(run)
    plan = plan_of(run, prepared)
    _announce(console, peers, run, prepared, plan)
    accuracy = _cross_validate(console, run) if run.protocol == "B" else None
    started = time.perf_counter()
    with Interruption() as interruption:
        reporter = ProgressReporter(console, settings.metric, plan.most_final_epochs)
        observers: list[Observer] = [reporter, checkpoint] if peers.is_first else []
        if tensorboard is not None and peers.is_first:
            observers.append(TensorboardWriter(tensorboard, settings.metric))
        with listening(reporter.share):
            fitted = fit(plan, state, observers=observers, stop=lambda: peers.sums(interruption())[0] > 0)
        if not peers.is_first:
            raise typer.Exit(_INTERRUPTED if fitted.stopped_by == "interruption" else 0)
        wall_s = time.perf_counter() - started
        manifest = export(run, prepared, fitted, out, overwrite=overwrite or resume, wall_s=wall_s, accuracy=accuracy)
    _show(console, out, manifest)
    if run.family.inherits in ("weights", "content") and WEIGHTS_FILE not in manifest.files:
        console.print(f"Without {WEIGHTS_FILE}, which would be too large: --init-from cannot take it", soft_wrap=True)
    if fitted.stopped_by == "interruption":
        console.print(
            f"Interrupted: {out} holds the best model so far; the same command with --resume goes on.", soft_wrap=True
        )
        raise typer.Exit(_INTERRUPTED)
    checkpoint.remove()


def _cross_validate(console: Console, run: "Run") -> "RatingAccuracy":
    from recstream_trainer.evaluation.rating_accuracy import FOLDS, cross_validate, ratings_of  # noqa: PLC0415

    rate = run.family.rate
    assert rate is not None  # noqa: S101 - checked with the options
    accuracy = cross_validate(
        lambda ratings: rate(run.settings.model, ratings, run.seed),
        ratings_of(run.dataset),
        run.seed,
        on_fold=lambda number, rmse, mae: console.print(
            f"fold {number}/{FOLDS}: RMSE {rmse:.4f}, MAE {mae:.4f}", highlight=False
        ),
    )
    console.print(f"{accuracy.wall_s:.0f} s; now the model of all ratings", highlight=False)
    return accuracy


def _announce(console: Console, peers: "Peers", run: "Run", prepared: "Prepared", plan: "Plan") -> None:
    from recstream_trainer.training.remarks import remarks  # noqa: PLC0415
    from recstream_trainer.training.run import needed_bytes  # noqa: PLC0415

    parts = prepared.split
    users, items, pairs = len(parts.user_ids), len(parts.item_ids), len(parts.train)
    needed = needed_bytes(run, parts)
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for remark in remarks(run, prepared, plan, needed_bytes=needed * peers.count, free_bytes=free):
        console.print(remark, highlight=False, markup=False, soft_wrap=True)
    notes = [] if prepared.threshold is None else [f"ratings from {prepared.threshold:g}"]
    if prepared.half_life is not None:
        notes.append(f"half the weight after {prepared.half_life:g} later ones")
    how = f" ({', '.join(notes)})" if notes else ""
    if run.begins_from is not None:
        console.print(run.begins_from.told(parts), highlight=False, soft_wrap=True)
    together, each = ("", "") if peers.count == 1 else (f", {peers.count} processes", " each")
    console.print(
        f"{run.family.name} on {run.device}{together}: {users:,} users, {items:,} items, {pairs:,} preferences{how}; "
        f"about {needed / 1e6:,.0f} MB{each} of {free / 1e6:,.0f} MB free; at most {plan.settings.max_epochs} epochs",
        highlight=False,
        soft_wrap=True,
    )


def _show(console: Console, out: Path, manifest: "Manifest") -> None:
    for metric, value in manifest.metrics.items():
        console.print(f"{metric:>16}  {value:.4f}", highlight=False, soft_wrap=True)
    console.print(f"{out}: {manifest.name} version {manifest.version}", highlight=False, soft_wrap=True)
