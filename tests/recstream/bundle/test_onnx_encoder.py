"""An ONNX encoder that is not what the format says is refused, with the reason; one that is runs as NumPy would."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx_encoders import changed, expected, model, sum_encoder, table

from recstream.bundle import BundleContent, Constant, OnnxEncoder, load_bundle, write_bundle
from recstream.bundle.encoder import encoder_from_json
from recstream.bundle.onnx_runner import History, OnnxRunner, select_history
from recstream.errors import BundleError

MakeContent = Callable[..., BundleContent]
Reseal = Callable[..., None]
ITEMS, DIMENSION = 20, 4
TABLE = table(ITEMS, DIMENSION)
WHOLE = sum_encoder(TABLE)
ALL_INPUTS = ("rows", "weights", "times")


def history(rows: list[int], weights: list[float] | None = None, times: list[int] | None = None) -> History:
    return History(
        np.array(rows, np.int64),
        np.array(weights or [1.0] * len(rows), np.float32),
        np.array(times or [0] * len(rows), np.int64),
    )


def graph_of(*nodes: Any, **constants: Any) -> bytes:
    return model(nodes, ["rows"], {"table": TABLE, "middle": np.array([1], np.int64)} | constants, DIMENSION)


def node(kind: str, inputs: str, output: str = "vector", **attributes: Any) -> Any:
    return helper.make_node(kind, inputs.split(), [output], **attributes)


GATHER = node("Gather", "table rows", "gathered")
LAST = np.array(-1, np.int64)


def _outside(made: Any) -> None:
    tensor = made.graph.initializer[0]
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    tensor.ClearField("raw_data")


def _function(made: Any) -> None:
    made.functions.add(name="mine", domain="mine")


def _rename(made: Any) -> None:
    made.graph.input[0].name = "items"
    made.graph.node[0].input[1] = "items"


def _loop_in_a_branch(made: Any) -> None:
    branch = helper.make_graph([helper.make_node("Loop", ["n", "go"], ["x"])], "branch", [], [])
    made.graph.node.append(helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch))


LIES: dict[str, tuple[bytes, str]] = {
    "not ONNX": (b"no graph at all", "is not an ONNX model"),
    "empty": (b"", "is not an ONNX model"),
    "cut": (WHOLE[: len(WHOLE) // 2], "is not an ONNX model|cannot be run"),
    "a custom operator": (
        graph_of(GATHER, helper.make_node("Sum", ["gathered"], ["vector"], domain="com.evil")),
        "operators of the domain 'com.evil'",
    ),
    "a custom domain": (
        model([GATHER, node("ReduceSum", "gathered middle", keepdims=0)], ["rows"], {"table": TABLE}, 4, evil=1),
        "operators of the domain 'evil'",
    ),
    "numbers elsewhere": (changed(WHOLE, _outside), "keeps numbers in other files"),
    "its own functions": (changed(WHOLE, _function), "functions of its own"),
    "a loop": (changed(WHOLE, _loop_in_a_branch), "uses Loop, which may never end"),
    "chance": (
        graph_of(
            GATHER,
            node("ReduceSum", "gathered middle", "sum", keepdims=0),
            node("RandomNormalLike", "sum", "noise"),
            node("Add", "sum noise"),
        ),
        "uses RandomNormalLike",
    ),
    "another input": (changed(WHOLE, _rename), r"has the inputs items tensor\(int64\) of 2 dimensions"),
    "another dimension": (sum_encoder(table(ITEMS, 3)), r"vectors of shape \(3, 3\).* must be \(3, 4\)"),
    "no row for the padding": (sum_encoder(TABLE[:ITEMS]), "cannot be run"),
    "NaN": (
        graph_of(GATHER, node("ReduceSum", "gathered middle", "sum", keepdims=0), node("Sqrt", "sum")),
        "not finite",
    ),
    "an answer that padding changes": (
        graph_of(GATHER, node("ReduceMean", "gathered", axes=[1], keepdims=0)),
        "more padding",
    ),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_lying_graph_is_refused(tmp_path: Path, make_content: MakeContent, lie: str) -> None:
    data, reason = LIES[lie]
    with pytest.raises(BundleError, match=reason) as caught:
        write_bundle(tmp_path / "b", make_content(encoder=OnnxEncoder(8, ("rows",)), onnx=data))
    assert caught.value.file == "encoder.onnx"


def test_a_graph_that_never_ends_is_refused(
    tmp_path: Path, make_content: MakeContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recstream.bundle.onnx_trial._TIMEOUT_S", 0.01)
    with pytest.raises(BundleError, match=r"encoder\.onnx: is not loaded and run within"):
        write_bundle(tmp_path / "b", make_content(encoder=OnnxEncoder(8, ("rows",)), onnx=WHOLE))


def test_too_large_a_graph_is_refused(
    tmp_path: Path, make_content: MakeContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("recstream.bundle.onnx_trial.MAX_ONNX_BYTES", len(WHOLE) - 1)
    with pytest.raises(BundleError, match=r"encoder\.onnx: has \d+ bytes; must be at most"):
        write_bundle(tmp_path / "b", make_content(encoder=OnnxEncoder(8, ("rows",)), onnx=WHOLE))


def test_graph_and_kind_go_together(tmp_path: Path, make_content: MakeContent) -> None:
    with pytest.raises(BundleError, match=r"encoder\.onnx: is missing"):
        write_bundle(tmp_path / "b", make_content(encoder=OnnxEncoder(8, ("rows",))))
    with pytest.raises(BundleError, match=r"encoder\.onnx: is there, though"):
        write_bundle(tmp_path / "b", make_content(encoder=Constant((0.0,) * DIMENSION), onnx=WHOLE))


@pytest.mark.parametrize("inputs", [("rows",), ("rows", "weights"), ("rows", "times"), ALL_INPUTS])
def test_a_graph_runs_as_numpy_would(tmp_path: Path, make_content: MakeContent, inputs: tuple[str, ...]) -> None:
    encoder = OnnxEncoder(5, inputs)
    data = sum_encoder(TABLE, inputs)
    times = np.arange(21, dtype=np.int64)
    write_bundle(tmp_path / "b", make_content(encoder=encoder, onnx=data, history_times=times))
    bundle = load_bundle(tmp_path / "b")
    assert bundle.encoder == encoder
    assert bundle.history_times is not None
    assert bundle.history_times.tolist() == times.tolist()
    assert bundle.onnx is not None
    given = [history([3, 19, 0], [1, 2.5, -1], [10**9, 0, 2 * 10**9]), history([7])]
    vectors = OnnxRunner(bundle.onnx, encoder, item_count=ITEMS).encode(given)
    for vector, one in zip(vectors, given, strict=True):
        wanted = expected(
            TABLE,
            one.rows.tolist(),
            one.weights.tolist() if "weights" in inputs else None,
            one.times.tolist() if "times" in inputs else None,
        )
        np.testing.assert_allclose(vector, wanted, rtol=1e-6, atol=1e-6)


def test_a_history_keeps_what_the_encoder_can_hear() -> None:
    whole = history([1, 2, 3, 4, 5], [1, 0, -1, 2, 3], [10, 20, 30, 40, 50])
    kept = select_history(OnnxEncoder(3, ("rows", "weights")), whole)
    assert (kept.rows.tolist(), kept.weights.tolist(), kept.times.tolist()) == ([3, 4, 5], [-1, 2, 3], [30, 40, 50])
    assert select_history(OnnxEncoder(3, ("rows",)), whole).rows.tolist() == [1, 4, 5]
    assert select_history(OnnxEncoder(2, ("rows", "times")), whole).rows.tolist() == [4, 5]
    assert len(select_history(OnnxEncoder(2, ("rows",)), history([1], [-1.0])).rows) == 0


@pytest.mark.parametrize(
    "keys",
    [
        {"max_length": 0, "inputs": ["rows"]},
        {"max_length": 2049, "inputs": ["rows"]},
        {"max_length": True, "inputs": ["rows"]},
        {"max_length": 1.0, "inputs": ["rows"]},
        {"max_length": 5, "inputs": []},
        {"max_length": 5, "inputs": ["weights"]},
        {"max_length": 5, "inputs": ["rows", "rows"]},
        {"max_length": 5, "inputs": ["rows", "users"]},
        {"max_length": 5, "inputs": "rows"},
        {"max_length": 5, "inputs": ["rows", ["times"]]},
        {"max_length": 5},
    ],
)
def test_keys_out_of_range_are_refused(keys: dict[str, Any]) -> None:
    with pytest.raises(BundleError, match=r"encoder\.json"):
        encoder_from_json({"kind": "onnx", **keys}, dimension=4)


def test_the_graph_counts_in_the_version(tmp_path: Path, make_content: MakeContent) -> None:
    encoder = OnnxEncoder(8, ("rows",))
    first = write_bundle(tmp_path / "a", make_content(encoder=encoder, onnx=WHOLE))
    again = write_bundle(tmp_path / "b", make_content(encoder=encoder, onnx=WHOLE, extra_files={}))
    other = write_bundle(tmp_path / "c", make_content(encoder=encoder, onnx=sum_encoder(table(ITEMS, DIMENSION, 6))))
    assert first.version == again.version != other.version


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        (np.zeros(20, np.int64), "has 20 times for 21 rows"),
        (np.full(21, -1, np.int64), "holds -1; must be Unix seconds"),
        (np.zeros(21, np.int32), "must be <i8"),
    ],
)
def test_wrong_times_are_refused(tmp_path: Path, make_content: MakeContent, times: Any, reason: str) -> None:
    with pytest.raises(BundleError, match=rf"history\.times\.npy: {reason}|{reason}"):
        write_bundle(tmp_path / "b", make_content(history_times=times))


def test_a_changed_weight_is_caught(tmp_path: Path, make_content: MakeContent) -> None:
    write_bundle(tmp_path / "b", make_content(encoder=OnnxEncoder(8, ("rows",)), onnx=WHOLE))

    def change(made: Any) -> None:
        made.graph.initializer[0].CopyFrom(numpy_helper.from_array(TABLE + 1, "table"))

    (tmp_path / "b" / "encoder.onnx").write_bytes(changed(WHOLE, change))
    with pytest.raises(BundleError, match=r"encoder\.onnx: has been altered"):
        load_bundle(tmp_path / "b")
