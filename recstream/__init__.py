"""recstream: a real-time recommendation server, its client and its core.

Names are loaded when they are first used, so a client does not pay for the core, nor the command line for either.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recstream import errors
    from recstream._core import ExactIndex
    from recstream.bundle import Bundle, load_bundle
    from recstream.client import AsyncClient, Client

    __version__: str

# From 1.29 on ONNX Runtime sends usage data to its makers, by a thread that starts when it is imported and that can
# abort the process as that ends. Whoever wants that sets the variable to 0 themselves.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_HOMES = {
    "AsyncClient": "recstream.client",
    "Bundle": "recstream.bundle",
    "Client": "recstream.client",
    "ExactIndex": "recstream._core",
    "load_bundle": "recstream.bundle",
}

__all__ = ["AsyncClient", "Bundle", "Client", "ExactIndex", "__version__", "errors", "load_bundle"]


def __getattr__(name: str) -> object:
    if name == "errors":
        return import_module("recstream.errors")
    if name == "__version__":
        return import_module("importlib.metadata").version("recstream")
    if name not in _HOMES:
        raise AttributeError(f"module 'recstream' has no attribute {name!r}")
    value = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
