"""Tries `encoder.onnx` in a child process before anybody relies on it.

Loading a graph computes what is constant in it, which may take any time and memory, and a runtime in C++ may abort on
a file that is made to. What does not end in time, or kills the child, is refused.
"""

import json
import os
import resource
import subprocess
import sys
from typing import Final

import numpy as np

from recstream.bundle.encoder import OnnxEncoder
from recstream.bundle.manifest import ONNX_FILE
from recstream.bundle.onnx_graph import check_graph
from recstream.bundle.onnx_runner import OUTPUT, History, OnnxRunner, load_onnxruntime
from recstream.errors import BundleError

MAX_ONNX_BYTES: Final = 512 << 20
_CHILD: Final = "import sys; from recstream.bundle.onnx_trial import trial; sys.exit(trial())"
_MEMORY_BYTES: Final = 4 << 30
_TIMEOUT_S: Final = 60.0
_PROBLEM_BYTES: Final = 400
_TYPES: Final = {"rows": "tensor(int64)", "weights": "tensor(float)", "times": "tensor(int64)", OUTPUT: "tensor(float)"}
_RANK: Final = 2
_PROBE_ITEMS: Final = 8
_PADDING_TOLERANCE: Final = 1e-4
"""Relative to the largest number of a vector; sums in another order differ by 1e-6."""


def try_onnx(data: bytes | memoryview, encoder: OnnxEncoder, *, item_count: int, dimension: int) -> None:
    """Load and run the graph in a child process.

    Parameters
    ----------
    data : bytes
        The content of `encoder.onnx`.
    encoder : OnnxEncoder
    item_count, dimension : int

    Raises
    ------
    BundleError
        The graph is not what docs/bundle-format.md asks for; says in what.
    ConfigurationError
        ONNX Runtime is not installed.
    """
    if len(data) > MAX_ONNX_BYTES:
        raise BundleError(ONNX_FILE, f"has {len(data)} bytes; must be at most {MAX_ONNX_BYTES}")
    load_onnxruntime()
    asked = json.dumps([encoder.max_length, encoder.inputs, item_count, dimension])
    search_path = os.pathsep.join(folder for folder in sys.path if folder)
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-P", "-c", _CHILD, asked],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": search_path},
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BundleError(ONNX_FILE, f"is not loaded and run within {_TIMEOUT_S:.0f} s; use a smaller one") from None
    if child.returncode != 0:
        problem = child.stdout[:_PROBLEM_BYTES].decode(errors="replace").strip()
        raise BundleError(ONNX_FILE, problem or "cannot be run: ONNX Runtime breaks down over it; export it again")


def trial() -> int:
    """Check and run the graph on the standard input; the child's whole life.

    Returns
    -------
    int
        Exit code, 0 when the graph is in order; otherwise the reason is on the standard output.
    """
    max_length, inputs, item_count, dimension = json.loads(sys.argv[1])
    data = sys.stdin.buffer.read()
    memory = _MEMORY_BYTES + 8 * len(data)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        check_graph(data)
        _probe(data, OnnxEncoder(max_length, tuple(inputs)), item_count, dimension)
    except BundleError as error:
        sys.stdout.write(error.problem)
        return 1
    except Exception as error:  # noqa: BLE001 - those of ONNX Runtime have no class in common
        sys.stdout.write(f"cannot be run: {str(error).partition(chr(10))[0][:200]}; export it again")
        return 1
    return 0


def _probe(data: bytes, encoder: OnnxEncoder, item_count: int, dimension: int) -> None:
    runner = OnnxRunner(data, encoder, item_count=item_count)
    _check_nodes("inputs", runner.inputs, encoder.inputs)
    _check_nodes("outputs", runner.outputs, (OUTPUT,))
    few = min(_PROBE_ITEMS, encoder.max_length, item_count)
    histories = [_history(1, item_count), _history(few, item_count), _history((few + 1) // 2, item_count)]
    together = runner.encode(histories)
    if together.shape != (len(histories), dimension):
        shape = (len(histories), dimension)
        raise BundleError(ONNX_FILE, f"makes vectors of shape {together.shape} of {shape[0]} users; must be {shape}")
    alone = np.concatenate([runner.encode([history]) for history in histories])
    full = runner.encode(histories, length=encoder.max_length)
    if not all(np.isfinite(vectors).all() for vectors in (together, alone, full)):
        raise BundleError(ONNX_FILE, "makes a vector that is not finite; train it again with a smaller learning rate")
    largest = np.abs(alone).max(axis=1, keepdims=True)
    if (np.maximum(np.abs(together - alone), np.abs(full - alone)) > _PADDING_TOLERANCE * largest + 1e-6).any():
        raise BundleError(ONNX_FILE, "makes another vector of a history with more padding before it; mask the padding")


def _check_nodes(what: str, found: dict[str, tuple[str, int]], wanted: tuple[str, ...]) -> None:
    asked = {name: (_TYPES[name], _RANK) for name in wanted}
    if found != asked:
        raise BundleError(ONNX_FILE, f"has the {what} {_show(found)}; encoder.json asks for {_show(asked)}")


def _show(nodes: dict[str, tuple[str, int]]) -> str:
    return ", ".join(f"{name[:32]} {kind} of {rank} dimensions" for name, (kind, rank) in sorted(nodes.items())[:8])


def _history(length: int, item_count: int) -> History:
    rows = np.arange(item_count - length, item_count, dtype=np.int64)
    times = 1_700_000_000 + 3600 * np.arange(length, dtype=np.int64)
    return History(rows, np.ones(length, dtype=np.float32), times)
