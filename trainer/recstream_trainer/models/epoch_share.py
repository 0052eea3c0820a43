"""How much of an epoch is done, told by models whose epochs take long."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

Listener = Callable[[float], None]
"""Is told the share of the epoch that is done: above 0, at most 1."""

_LISTENER: Final[ContextVar[Listener | None]] = ContextVar("epoch share", default=None)


def tell(done: float, total: float) -> None:
    """Tell whoever listens that so much of an epoch is done; a model calls it after each step, `fit` when all is."""
    listener = _LISTENER.get()
    if listener is not None and 0 < done <= total:
        listener(done / total)


@contextmanager
def listening(listener: Listener) -> Iterator[None]:
    """Have what models tell in the block told to the listener."""
    token = _LISTENER.set(listener)
    try:
        yield
    finally:
        _LISTENER.reset(token)
