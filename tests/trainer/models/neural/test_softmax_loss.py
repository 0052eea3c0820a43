import pytest
import torch
from recstream_trainer.models.neural.softmax_loss import full_softmax_loss
from torch.nn import functional


@pytest.mark.parametrize("positions", [1, 255, 256, 700])
def test_loss_and_gradients_are_torchs(positions: int) -> None:
    torch.manual_seed(1)
    hidden, items = (torch.randn(n, 16, requires_grad=True) for n in (positions, 40))
    targets = torch.randint(0, 40, (positions,))
    expected = functional.cross_entropy(hidden @ items.T, targets)
    wanted = torch.autograd.grad(expected, [hidden, items])
    loss = full_softmax_loss(hidden, items, targets)
    torch.testing.assert_close(loss, expected)
    # Three times the loss: the gradient that comes from behind counts.
    for mine, theirs in zip(torch.autograd.grad(3 * loss, [hidden, items]), wanted, strict=True):
        torch.testing.assert_close(mine, 3 * theirs)


def test_in_bfloat16_it_is_near() -> None:
    torch.manual_seed(1)
    hidden, items = torch.randn(300, 16), torch.randn(40, 16, requires_grad=True)
    targets = torch.randint(0, 40, (300,))
    expected = torch.autograd.grad(functional.cross_entropy(hidden @ items.T, targets), items)[0]
    loss = full_softmax_loss(hidden, items, targets, torch.bfloat16)
    gradient = torch.autograd.grad(loss, items)[0]
    assert float((gradient - expected).norm() / expected.norm()) < 0.02


def test_a_hopeless_target_has_a_finite_loss() -> None:
    loss = full_softmax_loss(torch.tensor([[500.0]]), torch.tensor([[1.0], [-1.0]]), torch.tensor([1]))
    assert 80 < float(loss) < 100
