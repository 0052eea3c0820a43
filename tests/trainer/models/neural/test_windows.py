from collections import Counter

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models.neural.windows import batches_of, newest

ITEMS = 50


def histories_of(lengths: list[int]) -> Interactions:
    """Items that tell their place: a history of n has items 0 to n - 1, at ten times these seconds."""
    users = np.repeat(np.arange(len(lengths)), lengths)
    items = np.concatenate([np.arange(length) for length in lengths]) if lengths else np.zeros(0, np.int64)
    return Interactions.from_rows(users, items, None, len(lengths), 10 * items)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=8), st.integers(1, 12), st.integers(1, 60), st.integers(0, 99))
def test_every_step_comes_once_a_pass_after_what_came_before_it(
    lengths: list[int], length: int, positions: int, seed: int
) -> None:
    train = histories_of(lengths)
    seen: Counter[int] = Counter()
    for batch in batches_of(train, length, positions, ITEMS, np.random.default_rng(seed)):
        real = batch.targets < ITEMS
        assert batch.rows.shape[1] <= length
        assert batch.rows.numel() <= max(positions, batch.rows.shape[1])
        assert torch.equal(real, batch.rows < ITEMS)
        assert torch.equal(batch.targets[real], batch.rows[real] + 1)
        assert torch.equal(batch.times, torch.where(real, 10 * batch.rows, 0))
        # From the left, without a gap.
        assert torch.equal(batch.rows[real], (batch.rows[:, :1] + torch.arange(batch.rows.shape[1]))[real])
        assert bool((real.int().diff(dim=1) <= 0).all())
        seen.update(batch.targets[real].tolist())
    assert seen == Counter(place for n in lengths for place in range(1, n))


def test_another_pass_cuts_long_histories_elsewhere() -> None:
    train = histories_of([40])
    firsts = {
        tuple(
            sorted(
                row[0] for b in batches_of(train, 7, 70, ITEMS, np.random.default_rng(seed)) for row in b.rows.tolist()
            )
        )
        for seed in range(20)
    }
    assert len(firsts) > 3


def test_pieces_of_like_length_come_together() -> None:
    train = histories_of([40] * 20 + [3] * 100)
    batches = list(batches_of(train, 40, 400, ITEMS, np.random.default_rng(1)))
    places = sum(batch.rows.numel() for batch in batches)
    assert places < 1.2 * sum(int((batch.targets < ITEMS).sum()) for batch in batches)


def test_the_newest_items_are_at_the_right() -> None:
    histories = newest(histories_of([3, 0, 6]), np.array([0, 1, 2]), 4, ITEMS)
    assert histories.rows.tolist() == [[50, 0, 1, 2], [50, 50, 50, 50], [2, 3, 4, 5]]
    assert histories.weights.tolist() == [[0, 1, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]]
    assert histories.times.tolist() == [[0, 0, 10, 20], [0, 0, 0, 0], [20, 30, 40, 50]]


def test_without_times_they_are_zero() -> None:
    train = histories_of([3])
    untimed = Interactions(train.indptr, train.items, train.weights)
    assert not newest(untimed, np.array([0]), 4, ITEMS).times.any()
    assert not next(batches_of(untimed, 4, 9, ITEMS, np.random.default_rng(1))).times.any()
