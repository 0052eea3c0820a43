"""Where torch computes."""

import torch

from recstream.errors import ConfigurationError


def choose_device(choice: str) -> str:
    """``auto`` is CUDA where there is one, else the CPU.

    Raises
    ------
    ConfigurationError
        CUDA was asked for and torch has none, or another choice was made.
    """
    if choice not in ("auto", "cpu", "cuda"):
        raise ConfigurationError(f"--device {choice}: must be auto, cpu or cuda")
    if choice == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if choice == "cuda" and not torch.cuda.is_available():
        raise ConfigurationError("--device cuda: torch finds no CUDA device here; use --device cpu or auto")
    return choice
