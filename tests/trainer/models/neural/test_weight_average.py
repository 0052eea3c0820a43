import pytest
import torch
from recstream_trainer.models.neural.weight_average import follow
from torch import nn


def weights_after(averaging: float, steps: int) -> list[float]:
    """The average after each of some steps, of a weight that is 0 at first and 1 from then on."""
    average, network = nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False)
    nn.init.zeros_(average.weight)
    nn.init.ones_(network.weight)
    seen = []
    for step in range(1, steps + 1):
        follow(average, network, steps=step, averaging=averaging)
        seen.append(average.weight.item())
    return seen


def test_it_forgets_the_start_first_and_is_slow_then() -> None:
    weights = weights_after(0.9, 200)
    expected, share = 0.0, []
    for step in range(1, 201):
        keep = min(0.9, step / (step + 10))
        expected = keep * expected + (1 - keep)
        share.append(expected)
    assert weights == pytest.approx(share, abs=1e-5)
    assert weights[0] > 0.9


def test_without_averaging_it_is_a_copy() -> None:
    assert weights_after(0.0, 1) == [1.0]


def test_the_network_stays_as_it_is() -> None:
    average, network = nn.Linear(2, 2), nn.Linear(2, 2)
    before = network.weight.clone()
    follow(average, network, steps=50, averaging=0.9)
    assert torch.equal(network.weight, before)
