import numpy as np
import torch
from recstream_trainer.models.observed import Observed


def make(seed: int = 1, rows: int = 50, columns: int = 40) -> tuple[Observed, np.ndarray]:
    rng = np.random.default_rng(seed)
    dense = rng.uniform(1, 2, (rows, columns)) * (rng.random((rows, columns)) < rng.random((rows, 1)))
    places = np.nonzero(dense)
    return Observed(places[0], places[1], dense[places].astype(np.float32), dense.shape, "cpu"), dense


def test_products_are_those_of_the_pairs() -> None:
    side, dense = make()
    left, right = torch.randn(50, 7), torch.randn(40, 7)
    rows, columns = np.nonzero(dense)
    expected = (left.double() @ right.double().T).numpy()[rows, columns]
    np.testing.assert_allclose(side.products(left, right), expected, rtol=1e-4, atol=1e-5)


def test_sums_are_those_of_the_rows() -> None:
    side, dense = make()
    right = torch.randn(40, 7)
    np.testing.assert_allclose(side.sums(side.weights, right), dense @ right.double().numpy(), rtol=1e-4, atol=1e-5)


def test_a_pair_given_twice_counts_once_with_both_weights() -> None:
    side = Observed(np.array([0, 0, 0]), np.array([1, 0, 1]), np.array([1, 2, 4], np.float32), (1, 2), "cpu")
    np.testing.assert_array_equal(side.counts, [2])
    np.testing.assert_array_equal(side.weights, [2, 5])


def test_blocks_hold_every_pair_once_and_little_padding() -> None:
    side, dense = make()
    found = np.zeros_like(dense)
    padded = 0
    for rows, columns, weights in side.blocks():
        padded += int((columns == 40).sum())
        for row, own, own_weights in zip(rows.numpy(), columns.numpy(), weights.numpy(), strict=True):
            real = own < 40
            assert not own_weights[~real].any()
            found[row, own[real]] += own_weights[real]
    np.testing.assert_allclose(found, dense, rtol=1e-6)
    assert padded < 0.25 * np.count_nonzero(dense)


def test_nothing_observed_makes_no_block() -> None:
    nothing = np.array([], dtype=np.int64)
    side = Observed(nothing, nothing, np.array([], np.float32), (3, 4), "cpu")
    assert side.blocks() == []
    assert not side.sums(side.weights, torch.randn(4, 2)).any()
