from dataclasses import fields

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models.neural.pair_batches import PairBatch, pair_batches


@settings(max_examples=40)
@given(st.lists(st.integers(0, 12), min_size=2, max_size=8), st.integers(1, 5), st.integers(1, 6), st.integers(0, 9))
def test_what_is_to_be_found_is_never_read(counts: list[int], targets: int, length: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    items = np.concatenate([rng.permutation(20)[:count] for count in [*counts, 2]])
    owners = np.repeat(np.arange(len(counts) + 1), [*counts, 2])
    train = Interactions.from_rows(owners, items, (items + 1).astype(np.float32), len(counts) + 1)
    pairs = 0
    for batch in pair_batches(train, rng, batch_users=3, targets=targets, length=length, negatives=7):
        assert batch.rows.shape == batch.weights.shape
        assert batch.rows.shape[1] <= length
        assert np.isin(batch.uniform, items).all()
        for place in range(len(batch.rows)):
            real = batch.weights[place] > 0
            read = set(batch.rows[place][real].tolist())
            found = set(batch.targets[batch.owners == place].tolist())
            assert read
            assert 1 <= len(found) <= targets
            assert not read & found
            had = set(batch.had_items[batch.had_owners == place].tolist())
            assert read | found <= had
            assert any(had == set(train.of(user).tolist()) for user in range(train.user_count))
        np.testing.assert_array_equal(batch.importance, batch.targets + 1)
        assert_parts_are_the_batch(batch)
        pairs += len(batch.targets)
    assert pairs >= 1


def assert_parts_are_the_batch(batch: PairBatch) -> None:
    middle = len(batch.rows) // 2
    parts = [batch.of(slice(0, middle)), batch.of(slice(middle, len(batch.rows)))]
    for field in fields(PairBatch):
        whole = getattr(batch, field.name)
        first, second = (getattr(part, field.name) for part in parts)
        if field.name == "uniform":
            assert torch.equal(first, whole)
            assert torch.equal(second, whole)
        else:
            moved = middle if "owners" in field.name else 0
            assert torch.equal(torch.cat([first, second + moved]), whole)


def test_of_some_users_only_a_few_items_are_read() -> None:
    users, items = np.divmod(np.arange(400 * 50), 50)
    train = Interactions.from_rows(users, items, None, 400)
    options = {"batch_users": 400, "targets": 8, "length": 40, "negatives": 4}
    counts = [
        (next(iter(pair_batches(train, np.random.default_rng(3), **options, shortened=share))).weights > 0).sum(1)
        for share in (0.0, 0.5, 1.0)
    ]
    assert (counts[0] == 40).all()
    assert 0.35 < (counts[1] < 40).float().mean() < 0.6
    # Every order of magnitude as often: half of them below the root of the largest.
    assert 0.4 < (counts[2] <= 6).float().mean() < 0.6
    assert counts[2].min() == 1
