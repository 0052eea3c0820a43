"""A training run as a person sees it: what is ahead, how it goes, and what came of it."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

if TYPE_CHECKING:
    from recstream.bundle import Manifest
    from recstream_trainer.evaluation.rating_accuracy import RatingAccuracy
    from recstream_trainer.peers import Peers
    from recstream_trainer.training.fit import Observer, Plan
    from recstream_trainer.training.run import Prepared, Run

_INTERRUPTED = 130
"""What shells report for a process that Ctrl-C ended."""


def train_and_write(
    console: Console, peers: "Peers", run: "Run", out: Path, *, overwrite: bool, resume: bool, tensorboard: Path | None
) -> None:
    """Train, judge under a protocol, and write the bundle; ends the process with 130 after Ctrl-C.

    Of several processes only the first writes and prints.
    """
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
