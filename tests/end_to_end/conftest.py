"""A model of real people, trained by the real command."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def ml1m(train: Callable[..., Path]) -> Path:
    """A small ALS model of MovieLens 1M."""
    return train("--model", "als", "--data", "ml-1m", "--quick")


@pytest.fixture(scope="session")
def ml100k(train: Callable[..., Path]) -> Path:
    """A small ALS model of MovieLens 100k."""
    return train("--model", "als", "--data", "ml-100k", "--quick")
