import torch
from recstream_trainer.models.neural.dropout import Dropout


def test_it_leaves_out_the_share_and_keeps_the_mean() -> None:
    torch.manual_seed(1)
    dropped = Dropout(0.25)(torch.ones(1000, 333))
    assert dropped.unique().tolist() == [0, torch.tensor(4 / 3).item()]
    assert abs(float((dropped == 0).float().mean()) - 0.25) < 0.005
    assert abs(float(dropped.mean()) - 1) < 0.01


def test_neighbours_are_left_out_independently() -> None:
    torch.manual_seed(1)
    kept = (Dropout(0.5)(torch.ones(80_000)) != 0).double().view(-1, 8)
    assert float((torch.corrcoef(kept.T) - torch.eye(8)).abs().max()) < 0.05


def test_the_gradient_goes_where_the_numbers_went() -> None:
    torch.manual_seed(1)
    values = torch.randn(50, 7, requires_grad=True)
    dropped = Dropout(0.5)(values)
    dropped.sum().backward()
    assert values.grad is not None
    torch.testing.assert_close(values.grad * values, dropped)


def test_a_trained_model_and_a_share_of_nothing_change_nothing() -> None:
    values = torch.randn(9)
    assert Dropout(0.5).eval()(values) is values
    assert Dropout(0.0)(values) is values
