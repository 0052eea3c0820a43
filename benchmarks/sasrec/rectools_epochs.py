"""Epochs of RecTools' SASRec, for `benchmarks.sasrec`: prints a JSON list of seconds of processor time.

    python rectools_epochs.py SEQUENCES.npy EPOCHS DIMENSION BLOCKS HEADS LENGTH

Runs in RecTools' own environment, whose pins do not agree with ours, and so imports nothing of recstream.
"""

import json
import logging
import sys
import time
import warnings
from typing import ClassVar

import numpy as np
import pandas as pd
import torch
from pytorch_lightning import Callback, Trainer
from rectools.dataset import Dataset
from rectools.models import SASRecModel

warnings.simplefilter("ignore")
logging.getLogger("pytorch_lightning").setLevel(logging.ERROR)


class Clock(Callback):
    """Processor time of every epoch, kept by the class: RecTools trains with a copy of the trainer."""

    seconds: ClassVar[list[float]] = []
    _started = 0.0

    def on_train_epoch_start(self, *_: object) -> None:
        self._started = time.process_time()

    def on_train_epoch_end(self, *_: object) -> None:
        self.seconds.append(time.process_time() - self._started)


def main(path: str, *numbers: str) -> None:
    epochs, dimension, blocks, heads, length = map(int, numbers)
    torch.set_num_threads(1)
    torch.manual_seed(1)
    users, items, places = np.load(path)
    times = pd.Timestamp("2000-01-01") + pd.to_timedelta(places, unit="s")
    rows = pd.DataFrame({"user_id": users, "item_id": items, "weight": 1.0, "datetime": times})
    quiet = {
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "enable_model_summary": False,
        "accelerator": "cpu",
    }
    model = SASRecModel(
        n_factors=dimension,
        n_blocks=blocks,
        n_heads=heads,
        session_max_len=length,
        loss="softmax",
        epochs=epochs,
        get_trainer_func=lambda: Trainer(max_epochs=epochs, min_epochs=epochs, callbacks=[Clock()], **quiet),
    )
    model.fit(Dataset.construct(rows))
    print(json.dumps(Clock.seconds))


if __name__ == "__main__":
    main(*sys.argv[1:])
