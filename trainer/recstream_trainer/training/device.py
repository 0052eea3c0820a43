"""Where torch computes."""

from typing import Literal

import torch

from recstream.errors import ConfigurationError

DeviceChoice = Literal["auto", "cpu", "cuda"]


def choose_device(choice: DeviceChoice) -> str:
    """``auto`` is CUDA where there is one, else the CPU.

    Raises
    ------
    ConfigurationError
        CUDA was asked for and torch has none.
    """
    if choice == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if choice == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("--device cuda: torch finds no CUDA device here; use --device cpu or auto")
    return choice
