"""How a training went: `training.json` for programs, a plot for people."""

import json
from dataclasses import asdict
from io import BytesIO

from recstream_trainer.training.fit import Fitted
from recstream_trainer.training.run_state import EpochRecord


def training_files(fitted: Fitted, wall_s: float) -> dict[str, bytes]:
    """`training.json` and `training-curves.png`, as files of a bundle.

    Parameters
    ----------
    wall_s : float
        How long the training took, in all.
    """
    summary = {
        "best_epoch": fitted.state.best_epoch,
        "stopped_by": fitted.stopped_by,
        "saw_validation": fitted.saw_validation,
        "wall_s": round(wall_s, 3),
        "epochs": [asdict(record) for record in fitted.state.records],
    }
    chosen = [record for record in fitted.state.records if record.stage == "select"]
    return {
        "training.json": (json.dumps(summary, indent=2) + "\n").encode(),
        "training-curves.png": _plot(chosen, fitted.state.best_epoch),
    }


def _plot(records: list[EpochRecord], best_epoch: int) -> bytes:
    # Half a second to import, and only needed once a model is there.
    from matplotlib.figure import Figure  # noqa: PLC0415

    figure = Figure(figsize=(7, 3.5), layout="constrained")
    loss, metric = figure.subplots(1, 2)
    loss.plot([record.epoch for record in records], [record.loss for record in records], color="#1f4e79")
    loss.set_ylabel("loss on the train part")
    validated = [record for record in records if record.metric is not None]
    metric.plot([r.epoch for r in validated], [r.metric or 0.0 for r in validated], color="#1f4e79")
    metric.axvline(best_epoch, color="#d1793b", label=f"best: epoch {best_epoch}")
    metric.set_ylabel("metric on the validation part")
    metric.legend(frameon=False)
    for axes in (loss, metric):
        axes.set_xlabel("epoch")
        axes.spines[["top", "right"]].set_visible(False)
    file = BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()
