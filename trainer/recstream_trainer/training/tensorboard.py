"""Loss and metric of every epoch, for TensorBoard."""

from pathlib import Path
from typing import TYPE_CHECKING

from recstream_trainer.models import Model
from recstream_trainer.training.fit import StoppedBy
from recstream_trainer.training.run_state import EpochRecord, RunState

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter


class TensorboardWriter:
    """An `Observer` of `fit`: scalars ``STAGE/loss``, ``STAGE/seconds`` and ``STAGE/METRIC``, a step an epoch.

    What an earlier part of a resumed run wrote stays; its epochs are written again, from the state.

    Parameters
    ----------
    folder : Path
        That TensorBoard is pointed to; made if need be.
    metric : str
        Name of the validation metric.
    """

    def __init__(self, folder: Path, metric: str) -> None:
        self._folder = folder
        self._metric = metric
        self._writer: SummaryWriter | None = None

    def begin(self, state: RunState, epochs: int) -> None:  # noqa: ARG002 - the shape that observers share
        """See `Observer`."""
        if self._writer is None:
            # TensorBoard takes seconds to import.
            from torch.utils.tensorboard.writer import SummaryWriter  # noqa: PLC0415

            self._writer = SummaryWriter(str(self._folder))
            for record in state.records:
                self._write(record)

    def epoch(self, state: RunState, model: Model) -> None:  # noqa: ARG002
        """See `Observer`."""
        self._write(state.records[-1])

    def _write(self, record: EpochRecord) -> None:
        assert self._writer is not None  # noqa: S101 - fit begins first
        figures = {"loss": record.loss, "seconds": record.seconds, self._metric: record.metric}
        for name, value in figures.items():
            if value is not None:
                self._writer.add_scalar(f"{record.stage}/{name}", value, record.epoch)

    def end(self, state: RunState, model: Model, stopped_by: StoppedBy) -> None:  # noqa: ARG002
        """See `Observer`."""
        if self._writer is not None:
            self._writer.flush()
