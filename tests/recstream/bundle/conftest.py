"""How a test asks for a refusal."""

from collections.abc import Callable
from pathlib import Path

import pytest

from recstream.bundle import load_bundle
from recstream.errors import BundleError


def _refusal(folder: Path) -> BundleError:
    with pytest.raises(BundleError) as caught:
        _ = load_bundle(folder).items
    return caught.value


@pytest.fixture(scope="session")
def refusal() -> Callable[[Path], BundleError]:
    """Load a bundle that must be refused; returns the error."""
    return _refusal
