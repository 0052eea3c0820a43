import random

import numpy as np
import torch
from recstream_trainer.training.seeds import seed_everything


def test_a_seed_fixes_every_generator() -> None:
    drawn = []
    for _ in range(2):
        seed_everything(7)
        drawn.append((random.random(), float(np.random.rand()), float(torch.rand(()))))  # noqa: NPY002
    assert drawn[0] == drawn[1]
