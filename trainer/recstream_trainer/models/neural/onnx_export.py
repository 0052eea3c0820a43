"""A torch encoder as the ONNX graph that a bundle holds."""

import tempfile
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from recstream.errors import RecstreamError

_OPSET: Final = 17
TOLERANCE: Final = 1e-4
"""How far a number of the graph's vector may be from torch's, as a share of the largest number in any vector."""
_TRIED_LENGTHS: Final = (1, 2, 5, 13, 32)


class OnnxExportError(RecstreamError):
    """The exported graph does not compute what the model does; a fault of the family, not of its data."""

    reason = "ONNX_EXPORT"


def to_onnx(encoder: nn.Module, inputs: Sequence[str], item_count: int, max_length: int) -> bytes:
    """The graph of an encoder, checked against it on random histories.

    The same encoder gives the same bytes.

    Parameters
    ----------
    encoder : torch module on the CPU, in eval mode
        Takes `inputs` in this order, gives float32 (B, d).
    inputs : sequence of str
        Of ``rows``, ``weights`` and ``times``, as docs/bundle-format.md describes them.
    item_count : int
        N, the padding row as well.
    max_length : int

    Raises
    ------
    OnnxExportError
        A vector is further than `TOLERANCE` from the encoder's.
    """
    example = _random_histories(inputs, item_count, min(4, max_length), 3)
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), torch.inference_mode():
        file = Path(folder) / "encoder.onnx"
        # The exporter that torch has now in the first place fails on attention with a dynamic length (2.13), and its
        # graphs hold paths of this machine.
        warnings.simplefilter("ignore")
        torch.onnx.export(
            encoder,
            tuple(torch.from_numpy(array) for array in example),
            file,
            dynamo=False,
            opset_version=_OPSET,
            input_names=list(inputs),
            output_names=["vector"],
            dynamic_axes={name: {0: "batch", 1: "length"} for name in inputs} | {"vector": {0: "batch"}},
        )
        graph = file.read_bytes()
    _check(encoder, graph, inputs, item_count, max_length)
    return graph


def _check(encoder: nn.Module, graph: bytes, inputs: Sequence[str], item_count: int, max_length: int) -> None:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
    for length in sorted({min(length, max_length) for length in (*_TRIED_LENGTHS, max_length)}):
        histories = _random_histories(inputs, item_count, length, 4)
        (vectors,) = session.run(["vector"], dict(zip(inputs, histories, strict=True)))
        with torch.inference_mode():
            expected = encoder(*(torch.from_numpy(array) for array in histories)).numpy()
        distance, largest = np.abs(vectors - expected).max(), np.abs(expected).max()
        if not distance <= TOLERANCE * largest:
            raise OnnxExportError(
                f"the exported graph is {distance:.3g} from the model for histories of {length} items, where numbers "
                f"go up to {largest:.3g}; at most {TOLERANCE:g} of that is allowed"
            )


def _random_histories(inputs: Sequence[str], item_count: int, length: int, users: int) -> list[NDArray[np.generic]]:
    """Histories of 1 to `length` items, the first as long as can be."""
    rng = np.random.default_rng(length)
    counts = np.concatenate([[length], rng.integers(1, length + 1, users - 1)])
    real = np.arange(length) >= length - counts[:, None]
    steps = rng.integers(0, 100_000, (users, length))
    arrays = {
        "rows": np.where(real, rng.integers(0, item_count, (users, length)), item_count),
        "weights": np.where(real, rng.uniform(0.5, 2, (users, length)), 0).astype(np.float32),
        "times": np.where(real, 1_000_000_000 + steps.cumsum(axis=1), 0),
    }
    return [arrays[name] for name in inputs]
