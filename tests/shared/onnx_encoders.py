"""Small ONNX encoders whose answers NumPy knows."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_TYPES = {"rows": TensorProto.INT64, "weights": TensorProto.FLOAT, "times": TensorProto.INT64}
_DAY_S = 86_400.0


def table(items: int, dimension: int, seed: int = 5) -> NDArray[np.float32]:
    """What the encoder of `sum_encoder` adds up, float32 (N + 1, d); the row of padding is zero."""
    vectors = np.random.default_rng(seed).standard_normal((items + 1, dimension)).astype(np.float32)
    vectors[items] = 0
    return vectors


def expected(
    vectors: NDArray[np.float32],
    rows: Sequence[int],
    weights: Sequence[float] | None = None,
    times: Sequence[int] | None = None,
) -> NDArray[np.float64]:
    """What `sum_encoder` makes of a history, in float64 (d,)."""
    factors = np.ones(len(rows)) if weights is None else np.array(weights, np.float64)
    if times is not None:
        factors = factors * (1 + np.array(times, np.float64) / _DAY_S / 100_000)
    return factors @ vectors[list(rows)].astype(np.float64)


def sum_encoder(vectors: NDArray[np.float32], inputs: Sequence[str] = ("rows",)) -> bytes:
    """The sum of the items' vectors, each times its weight and times 1 + days since 1970 / 100,000, as `inputs` say."""
    nodes = [helper.make_node("Gather", ["table", "rows"], ["gathered"])]
    factors = "gathered"
    if "weights" in inputs:
        nodes += [
            helper.make_node("Unsqueeze", ["weights", "last"], ["weights3"]),
            helper.make_node("Mul", [factors, "weights3"], ["weighed"]),
        ]
        factors = "weighed"
    if "times" in inputs:
        nodes += [
            helper.make_node("Cast", ["times"], ["seconds"], to=TensorProto.FLOAT),
            helper.make_node("Div", ["seconds", "day"], ["days"]),
            helper.make_node("Add", ["days", "one"], ["scale"]),
            helper.make_node("Unsqueeze", ["scale", "last"], ["scale3"]),
            helper.make_node("Mul", [factors, "scale3"], ["timed"]),
        ]
        factors = "timed"
    nodes.append(helper.make_node("ReduceSum", [factors, "middle"], ["vector"], keepdims=0))
    constants = {
        "table": vectors,
        "last": np.array([-1], np.int64),
        "middle": np.array([1], np.int64),
        "day": np.array(_DAY_S * 100_000, np.float32),
        "one": np.array(1, np.float32),
    }
    return model(nodes, inputs, constants, vectors.shape[1])


def model(
    nodes: Sequence[Any], inputs: Sequence[str], constants: dict[str, NDArray[Any]], dimension: int, **opsets: int
) -> bytes:
    """A graph of nodes from `inputs` to ``vector``; constants that no node uses are left out."""
    used = {name for node in nodes for name in node.input}
    graph = helper.make_graph(
        nodes,
        "encoder",
        [helper.make_tensor_value_info(name, _TYPES[name], ["B", "L"]) for name in inputs],
        [helper.make_tensor_value_info("vector", TensorProto.FLOAT, ["B", dimension])],
        [numpy_helper.from_array(array, name) for name, array in constants.items() if name in used],
    )
    imports = [helper.make_opsetid("", 17), *(helper.make_opsetid(name, version) for name, version in opsets.items())]
    made = helper.make_model(graph, opset_imports=imports, ir_version=8)
    return bytes(made.SerializeToString())


def changed(data: bytes, change: Any) -> bytes:
    """The same model after `change` was called with its ModelProto."""
    made = onnx.load_from_string(data)
    change(made)
    return bytes(made.SerializeToString())
