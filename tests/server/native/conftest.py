"""Servers whose calls arrive at the native front."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

Fixture = Callable[..., Any]

NATIVE = ("--transport", "native", "--metrics", "127.0.0.1:0")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    try:
        import recstream._transport  # noqa: F401, PLC0415
    except ImportError as error:
        skip = pytest.mark.skip(reason=f"the native front was not built: {error}")
        for item in items:
            if item.path.is_relative_to(__file__.rpartition("/")[0]):
                item.add_marker(skip)


@pytest.fixture
def start_native(start_server: Fixture) -> Fixture:
    """Starts a server on the native front, with more arguments where given."""
    return lambda *arguments: start_server(*NATIVE, *arguments)


@pytest.fixture
def native(start_native: Fixture) -> Iterator[Any]:
    return start_native()
