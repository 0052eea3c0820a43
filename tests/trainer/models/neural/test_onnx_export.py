import numpy as np
import onnxruntime
import pytest
import torch
from recstream_trainer.models.neural.encoder import SequenceNetwork, ServedEncoder
from recstream_trainer.models.neural.onnx_export import OnnxExportError, to_onnx
from torch import nn

ITEMS, LENGTH = 20, 12


class Recent(SequenceNetwork):
    """The vector of the item at each place, plus half of that of the one before it."""

    def states(self, rows: torch.Tensor, times: torch.Tensor) -> torch.Tensor:
        vectors = self.items(rows)
        return vectors + 0.5 * nn.functional.pad(vectors, (0, 0, 1, 0))[:, :-1]


class Untrue(ServedEncoder):
    """One thing in torch, another in its graph."""

    def forward(self, rows: torch.Tensor, times: torch.Tensor | None = None) -> torch.Tensor:
        return super().forward(rows, times) * (2.0 if torch.onnx.is_in_onnx_export() else 1.0)


@pytest.fixture
def network() -> Recent:
    torch.manual_seed(1)
    return Recent(ITEMS, 4)


def test_the_graph_gives_the_last_state_whatever_the_padding(network: Recent) -> None:
    graph = to_onnx(ServedEncoder(network).eval(), ["rows"], ITEMS, LENGTH)
    session = onnxruntime.InferenceSession(graph)
    vectors = network.item_vectors.detach().numpy()
    expected = np.stack([vectors[3], vectors[7] + 0.5 * vectors[5]])
    for padding in (0, 4):
        rows = np.pad(np.array([[ITEMS, 3], [5, 7]]), ((0, 0), (padding, 0)), constant_values=ITEMS)
        np.testing.assert_allclose(session.run(["vector"], {"rows": rows})[0], expected, atol=1e-6)


def test_the_same_encoder_gives_the_same_bytes(network: Recent) -> None:
    first, again = (to_onnx(ServedEncoder(network).eval(), ["rows"], ITEMS, LENGTH) for _ in range(2))
    assert first == again


def test_a_graph_that_is_not_the_model_is_refused(network: Recent) -> None:
    with pytest.raises(OnnxExportError, match=r"histories of 1 items.*at most 0\.0001"):
        to_onnx(Untrue(network).eval(), ["rows"], ITEMS, LENGTH)
