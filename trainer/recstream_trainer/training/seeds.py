"""One seed for everything that draws random numbers."""

import random

import numpy as np
import torch


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and torch.

    Models draw from generators of their own; this catches what a library draws behind their back.
    """
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - the global generator is the point here
    torch.manual_seed(seed)
