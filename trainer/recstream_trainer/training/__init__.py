"""Fitting a model: epochs, early stopping, checkpoints, interruption."""

from recstream_trainer.training.checkpoint import CheckpointFile
from recstream_trainer.training.fit import Fitted, fit
from recstream_trainer.training.interrupt import Interruption
from recstream_trainer.training.progress import ProgressReporter
from recstream_trainer.training.settings import TrainingSettings

__all__ = ["CheckpointFile", "Fitted", "Interruption", "ProgressReporter", "TrainingSettings", "fit"]
