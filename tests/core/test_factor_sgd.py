"""The steps of SGD against the same in plain NumPy."""

import numpy as np
import pytest
from numpy.typing import NDArray

from recstream import _core

USERS, ITEMS, D = 6, 9, 5
MEAN = 3.0
Arrays = dict[str, NDArray[np.float32]]


@pytest.fixture
def ratings() -> tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]]:
    rng = np.random.default_rng(1)
    rows = [np.sort(rng.permutation(ITEMS)[: rng.integers(0, 6)]) for _ in range(USERS)]
    pointers = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    columns = np.concatenate(rows).astype(np.int32)
    return pointers, columns, rng.integers(1, 6, len(columns)).astype(np.float32)


def factors(implicit: bool) -> Arrays:
    rng = np.random.default_rng(2)
    shapes = {"user_biases": USERS, "item_biases": ITEMS, "users": (USERS, D), "items": (ITEMS, D)}
    if implicit:
        shapes["implicit"] = (ITEMS, D)
    return {name: rng.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes.items()}


def plain(ratings: tuple, order: list[int], arrays: Arrays, rate: float, penalty: float) -> float:
    """Every y of a user changes at every rating, one by one."""
    pointers, columns, values = ratings
    loss = 0.0
    for u in order:
        mine = slice(pointers[u], pointers[u + 1])
        norm = max(len(columns[mine]), 1) ** -0.5
        for i, r in zip(columns[mine], values[mine], strict=True):
            p, q = arrays["users"][u].copy(), arrays["items"][i].copy()
            z = p + norm * arrays["implicit"][columns[mine]].sum(axis=0) if "implicit" in arrays else p
            error = r - (MEAN + arrays["user_biases"][u] + arrays["item_biases"][i] + q @ z)
            loss += error**2
            arrays["user_biases"][u] += rate * (error - penalty * arrays["user_biases"][u])
            arrays["item_biases"][i] += rate * (error - penalty * arrays["item_biases"][i])
            arrays["users"][u] += rate * (error * q - penalty * p)
            arrays["items"][i] += rate * (error * z - penalty * q)
            if "implicit" in arrays:
                y = arrays["implicit"][columns[mine]]
                arrays["implicit"][columns[mine]] = y + rate * (error * norm * q - penalty * y)
    return loss


@pytest.mark.parametrize("implicit", [False, True])
def test_a_pass_over_ratings_takes_the_plain_steps(ratings: tuple, implicit: bool) -> None:
    order = [3, 0, 5, 1, 4, 2]
    mine, theirs = factors(implicit), {name: array.astype(np.float64) for name, array in factors(implicit).items()}
    for _ in range(3):
        found = _core.rating_epoch(
            ratings, np.array(order, np.int32), mean=MEAN, learning_rate=0.1, regularization=0.2, **mine
        )
        expected = plain(ratings, order, theirs, 0.1, 0.2)
        assert found == pytest.approx(expected, rel=1e-4)
    for name, array in theirs.items():
        np.testing.assert_allclose(mine[name], array, atol=1e-5)


def bpr_arrays(seed: int) -> Arrays:
    rng = np.random.default_rng(seed)
    users, items = (rng.normal(0, 0.1, (count, D)).astype(np.float32) for count in (USERS, ITEMS))
    users[:, -1], items[:, -1] = 1, 0
    return {"users": users, "items": items}


def test_bpr_learns_to_rank_and_a_seed_means_the_same_steps(ratings: tuple) -> None:
    arrays, again, other = bpr_arrays(1), bpr_arrays(1), bpr_arrays(1)
    for epoch in range(300):
        loss = _core.bpr_epoch(ratings, seed=epoch, learning_rate=0.1, regularization=0.001, **arrays)
        assert loss == _core.bpr_epoch(ratings, seed=epoch, learning_rate=0.1, regularization=0.001, **again)
        _core.bpr_epoch(ratings, seed=epoch + 1, learning_rate=0.1, regularization=0.001, **other)
    np.testing.assert_array_equal(arrays["items"], again["items"])
    assert not np.array_equal(arrays["items"], other["items"])
    assert (arrays["users"][:, -1] == 1).all()
    scores = arrays["users"] @ arrays["items"].T
    for user in range(USERS):
        has = np.isin(np.arange(ITEMS), ratings[1][ratings[0][user] : ratings[0][user + 1]])
        assert not has.any() or scores[user][has].min() > scores[user][~has].max()


def test_who_has_everything_is_passed_over() -> None:
    everything = np.array([0, 2], np.int64), np.array([0, 1], np.int32), np.ones(2, np.float32)
    users, items = np.ones((1, 3), np.float32), np.ones((2, 3), np.float32)
    assert _core.bpr_epoch(everything, users=users, items=items, seed=1, learning_rate=0.1, regularization=0.1) == 0
    assert (items == 1).all()


def test_what_does_not_fit_is_refused(ratings: tuple) -> None:
    order = np.arange(USERS, dtype=np.int32)
    options = {"mean": MEAN, "learning_rate": 0.1, "regularization": 0.1}
    for name in factors(implicit=True):
        arrays = factors(implicit=True)
        arrays[name] = arrays[name][:-1].copy()
        with pytest.raises(ValueError, match=r"shape|column"):
            _core.rating_epoch(ratings, order, **arrays, **options)
    with pytest.raises(ValueError, match="order does not have"):
        _core.rating_epoch(ratings, order + 1, **factors(implicit=False), **options)
    frozen = factors(implicit=False)
    frozen["items"].flags.writeable = False
    with pytest.raises(TypeError, match="items must be writable"):
        _core.rating_epoch(ratings, order, **frozen, **options)
