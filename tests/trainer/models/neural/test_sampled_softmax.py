import numpy as np
import torch
from recstream_trainer.models.neural.sampled_softmax import columns_of, log_shares, sampled_softmax_loss


def test_shares_are_those_of_a_drawn_sample() -> None:
    counts = np.array([6, 3, 1, 0])
    rng = np.random.default_rng(0)
    rounds = 20_000
    drawn = np.concatenate([rng.choice(4, 6 * rounds, p=counts / 10), rng.choice(3, 4 * rounds)])
    found = np.bincount(drawn, minlength=4)[:3] / len(drawn)
    shares = log_shares(torch.from_numpy(counts[:3]), torch.from_numpy(counts), 6, 4).exp()
    np.testing.assert_allclose(shares, found, rtol=0.02)


def test_corrected_it_comes_to_the_full_softmax() -> None:
    rng = np.random.default_rng(1)
    scores = torch.from_numpy(rng.normal(size=5))
    counts = torch.tensor([50, 20, 15, 10, 5])
    shares = log_shares(counts, counts, 3, 1).double()
    # Many draws: each item as often as its share says, every draw with its correction.
    drawn = torch.from_numpy(rng.choice(5, 200_000, p=(shares.exp() / shares.exp().sum()).numpy()))
    sampled = (scores - shares)[drawn].logsumexp(0) - np.log(len(drawn))
    assert abs(float(sampled - scores.logsumexp(0))) < 0.01


def test_what_a_user_has_is_no_rival() -> None:
    logits = torch.tensor([[1.0, 2.0, 0.5], [0.0, 1.0, 2.0]])
    owners, targets = torch.tensor([0, 0, 1]), torch.tensor([0, 1, 2])
    importance = torch.tensor([1.0, 1.0, 2.0])
    # The second user has the first item as well.
    had = torch.tensor([0, 0, 1, 1]), torch.tensor([0, 1, 2, 0])
    found = sampled_softmax_loss(logits, owners, targets, importance, had)
    first = np.log(np.exp(1) + np.exp(0.5)) - 1
    second = np.log(np.exp(2) + np.exp(0.5)) - 2
    third = np.log(np.exp(1) + np.exp(2)) - 2
    np.testing.assert_allclose(found, (first + second + 2 * third) / 4, rtol=1e-6)


def test_items_are_found_among_the_candidates() -> None:
    columns, there = columns_of(torch.tensor([2, 5, 9]), torch.tensor([9, 1, 5, 10, 9]))
    assert columns.tolist() == [2, 1, 2]
    assert there.tolist() == [True, False, True, False, True]
