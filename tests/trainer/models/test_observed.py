import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from recstream_trainer.models import observed
from recstream_trainer.models.observed import Observed, Part

ROWS, COLUMNS = 50, 40


@pytest.fixture(params=[1 << 17, 60, 1], ids=["one part", "some parts", "a part a row"])
def sides(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Observed, NDArray[np.float64]]:
    """Random pairs, in parts of different sizes, and the same as a dense matrix."""
    monkeypatch.setattr(observed, "PART_PAIRS", request.param)
    rng = np.random.default_rng(1)
    dense = rng.uniform(1, 2, (ROWS, COLUMNS)) * (rng.random((ROWS, COLUMNS)) < rng.random((ROWS, 1)))
    places = np.nonzero(dense)
    return Observed(places[0], places[1], dense[places].astype(np.float32), dense.shape, "cpu"), dense


def test_the_parts_have_every_row_once(sides: tuple[Observed, NDArray[np.float64]]) -> None:
    side, dense = sides
    assert np.concatenate([np.arange(ROWS)[part.rows] for part in side.parts]).tolist() == list(range(ROWS))
    np.testing.assert_array_equal(side.counts, np.count_nonzero(dense, axis=1))
    np.testing.assert_array_equal(torch.cat([part.counts for part in side.parts]), side.counts)


def test_products_are_those_of_the_pairs(sides: tuple[Observed, NDArray[np.float64]]) -> None:
    side, dense = sides
    left, right = torch.randn(ROWS, 7), torch.randn(COLUMNS, 7)
    rows, columns = np.nonzero(dense)
    expected = (left.double() @ right.double().T).numpy()[rows, columns]
    found = torch.cat([part.products(left[part.rows], right) for part in side.parts])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_sums_are_those_of_the_rows(sides: tuple[Observed, NDArray[np.float64]]) -> None:
    side, dense = sides
    right = torch.randn(COLUMNS, 7)
    found = torch.cat([part.sums(part.weights, right) for part in side.parts])
    np.testing.assert_allclose(found, dense @ right.double().numpy(), rtol=1e-4, atol=1e-5)


def test_blocks_hold_every_pair_once(sides: tuple[Observed, NDArray[np.float64]]) -> None:
    side, dense = sides
    found = np.zeros_like(dense)
    for part in side.parts:
        for rows, columns, weights in part.blocks():
            for row, own, own_weights in zip(rows.numpy(), columns.numpy(), weights.numpy(), strict=True):
                real = own < COLUMNS
                assert not own_weights[~real].any()
                found[part.rows.start + row, own[real]] += own_weights[real]
    np.testing.assert_allclose(found, dense, rtol=1e-6)


def test_blocks_are_padded_little() -> None:
    rng = np.random.default_rng(2)
    rows, columns = np.nonzero(rng.random((400, 300)) < rng.random((400, 1)))
    side = Observed(rows, columns, np.ones(len(rows), np.float32), (400, 300), "cpu")
    sizes = [block[1].numel() for part in side.parts for block in part.blocks()]
    assert sum(sizes) < 1.25 * len(rows)
    assert max(sizes) <= observed.BLOCK_PAIRS


def test_a_pair_given_twice_counts_once_with_both_weights() -> None:
    side = Observed(np.array([0, 0, 0]), np.array([1, 0, 1]), np.array([1, 2, 4], np.float32), (1, 2), "cpu")
    np.testing.assert_array_equal(side.counts, [2])
    np.testing.assert_array_equal(side.parts[0].weights, [2, 5])


def test_nothing_observed_makes_no_block() -> None:
    nothing = np.array([], dtype=np.int64)
    side = Observed(nothing, nothing, np.array([], np.float32), (3, 4), "cpu")
    part: Part = side.parts[0]
    assert part.blocks() == []
    assert not part.sums(part.weights, torch.randn(4, 2)).any()
