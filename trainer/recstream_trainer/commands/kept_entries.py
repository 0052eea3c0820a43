"""Runs whose figures are kept, so that a command that was interrupted goes on where it stood."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recstream.errors import ConfigurationError

if TYPE_CHECKING:
    from rich.console import Console

    from recstream_trainer.evaluation.leaderboard import Entry
    from recstream_trainer.training.run import Run


def kept_entry(console: "Console", run: "Run", file: Path) -> "Entry":
    """What `file` keeps of the same run, or that of a new one, which is then kept there.

    Raises
    ------
    ConfigurationError
        The file holds something else.
    """
    from recstream_trainer.evaluation.leaderboard import entry_from_json  # noqa: PLC0415

    # Content models learn from attributes, too.
    identity: dict[str, Any] = run.identity | {"attributes": run.dataset.items.columns}
    if file.is_file():
        try:
            kept = entry_from_json(file.read_text(encoding="utf-8"))
        except (ValueError, KeyError, TypeError):
            raise ConfigurationError(f"{file}: is not of a leaderboard; move it, or choose another --out") from None
        if kept.identity == identity:
            console.print(f"done before, in {kept.summary['wall_s']:.1f} s")
            return kept
    entry = _train(console, run, identity)
    unfinished = file.with_suffix(".unfinished")
    unfinished.write_text(entry.to_json(), encoding="utf-8")
    unfinished.replace(file)
    return entry


def _train(console: "Console", run: "Run", identity: dict[str, Any]) -> "Entry":
    from recstream_trainer.evaluation.leaderboard import entry_of  # noqa: PLC0415
    from recstream_trainer.training import ProgressReporter, fit  # noqa: PLC0415
    from recstream_trainer.training.run import judge_fitted, plan_of, prepare  # noqa: PLC0415
    from recstream_trainer.training.run_state import RunState  # noqa: PLC0415
    from recstream_trainer.training.seeds import seed_everything  # noqa: PLC0415

    seed_everything(run.seed)
    prepared = prepare(run)
    started = time.perf_counter()
    fitted = fit(
        plan_of(run, prepared), RunState(), observers=[ProgressReporter(console, run.settings.training.metric)]
    )
    wall_s = time.perf_counter() - started
    judged = judge_fitted(run, prepared, fitted, fitted.model.serving().item_vectors)
    return entry_of(judged, identity, wall_s=wall_s)
