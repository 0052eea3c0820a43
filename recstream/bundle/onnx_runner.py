"""Runs `encoder.onnx` over histories, with ONNX Runtime."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from recstream.bundle.encoder import OnnxEncoder
from recstream.errors import ConfigurationError

OUTPUT: Final = "vector"
_ERRORS_ONLY: Final = 3


class History(NamedTuple):
    """What an encoder is given of one user: n distinct items, 1 <= n <= `max_length`, the latest last."""

    rows: NDArray[np.int64]
    """int64 (n,)"""
    weights: NDArray[np.float32]
    """float32 (n,)"""
    times: NDArray[np.int64]
    """int64 (n,): Unix seconds of the latest event on each item; 0 where nobody knows."""


def select_history(encoder: OnnxEncoder, history: History) -> History:
    """The part of a history of any length that an encoder is given; it may be empty.

    Items of weight 0 have no influence. Without the input `weights` an encoder could not tell an aversion from a
    preference, so then items of a negative weight have none either. Of the rest, the `max_length` latest.
    """
    heard = history.weights != 0 if "weights" in encoder.inputs else history.weights > 0
    places = np.flatnonzero(heard)[-encoder.max_length :]
    return History(history.rows[places], history.weights[places], history.times[places])


def load_onnxruntime() -> Any:
    """The module `onnxruntime`.

    Raises
    ------
    ConfigurationError
        It is not installed.
    """
    try:
        import onnxruntime  # noqa: PLC0415 - a client needs none, and most bundles neither
    except ModuleNotFoundError as error:
        if error.name != "onnxruntime":
            raise
        raise ConfigurationError(
            "encoder.onnx is run by ONNX Runtime, which is not installed; pip install 'recstream[server]'"
        ) from None
    return onnxruntime


class OnnxRunner:
    """A loaded encoder. Safe to use from many threads.

    Parameters
    ----------
    data : bytes
        The content of `encoder.onnx`, checked.
    encoder : OnnxEncoder
    item_count : int
        N, the row that stands for padding.
    threads : int
        Cores that one run may use.

    Raises
    ------
    ConfigurationError
        ONNX Runtime is not installed.
    """

    def __init__(self, data: bytes | memoryview, encoder: OnnxEncoder, *, item_count: int, threads: int = 1) -> None:
        runtime = load_onnxruntime()
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = _ERRORS_ONLY
        # Plans of memory are kept for each shape, and there are as many shapes as batch sizes times lengths.
        options.enable_mem_pattern = False
        # Threads that spin between two runs would take the core from everybody else.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = runtime.InferenceSession(bytes(data), options, providers=["CPUExecutionProvider"])
        self._inputs = encoder.inputs
        self._padding = {"rows": item_count, "weights": 0, "times": 0}

    @property
    def inputs(self) -> dict[str, tuple[str, int]]:
        """ONNX type and rank of every input of the graph."""
        return {node.name: (node.type, len(node.shape)) for node in self._session.get_inputs()}

    @property
    def outputs(self) -> dict[str, tuple[str, int]]:
        """ONNX type and rank of every output of the graph."""
        return {node.name: (node.type, len(node.shape)) for node in self._session.get_outputs()}

    def encode(self, histories: Sequence[History], *, length: int | None = None) -> NDArray[np.float32]:
        """Vectors of some users in one run.

        Parameters
        ----------
        histories : sequence of B History
        length : int, optional
            Of a row with its padding; by default that of the longest history.

        Returns
        -------
        float32 (B, d)
            Whatever the graph makes of them: a vector may hold NaN or an infinity.

        Raises
        ------
        Exception
            What ONNX Runtime raises when a run fails; it has no class in common.
        """
        if length is None:
            length = max(len(history.rows) for history in histories)
        feeds = {name: self._padded(name, histories, length) for name in self._inputs}
        vectors: NDArray[np.float32] = self._session.run([OUTPUT], feeds)[0]
        return vectors

    def _padded(self, name: str, histories: Sequence[History], length: int) -> NDArray[Any]:
        arrays: list[NDArray[Any]] = [getattr(history, name) for history in histories]
        padded = np.full((len(histories), length), self._padding[name], dtype=arrays[0].dtype)
        for line, array in zip(padded, arrays, strict=True):
            line[length - len(array) :] = array
        return padded
