"""The ragged table of items by user."""

import numpy as np
from recstream_trainer.evaluation import Interactions


def table() -> Interactions:
    users = np.array([2, 0, 2, 0, 2])
    items = np.array([5, 1, 4, 0, 3])
    return Interactions.from_rows(users, items, np.array([1.0, 2.0, 3.0, 4.0, 5.0]), 4)


def test_rows_are_grouped_in_their_order() -> None:
    made = table()
    assert made.indptr.tolist() == [0, 2, 2, 5, 5]
    assert made.items.tolist() == [1, 0, 5, 4, 3]
    assert made.weights.tolist() == [2.0, 4.0, 1.0, 3.0, 5.0]
    assert (made.indptr.dtype, made.items.dtype, made.weights.dtype) == (np.int64, np.int32, np.float32)
    assert (len(made), made.user_count, made.active_users) == (5, 4, 2)
    assert made.of(2).tolist() == [5, 4, 3]
    assert made.users.tolist() == [0, 0, 2, 2, 2]


def test_without_weights_all_weigh_one() -> None:
    assert Interactions.from_rows(np.array([0, 0]), np.array([1, 2]), None, 1).weights.tolist() == [1.0, 1.0]


def test_cells_follow_the_users_asked_for() -> None:
    rows, columns = table().cells(np.array([2, 1, 0, 2]))
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [
        *((0, 5), (0, 4), (0, 3)),
        *((2, 1), (2, 0)),
        *((3, 5), (3, 4), (3, 3)),
    ]
    rows, columns = table().cells(np.array([], dtype=np.int64))
    assert len(rows) == len(columns) == 0


def test_later_items_come_after() -> None:
    later = Interactions.from_rows(np.array([0, 3]), np.array([9, 8]), np.array([7.0, 8.0]), 4)
    both = table().followed_by(later)
    assert both.items.tolist() == [1, 0, 9, 5, 4, 3, 8]
    assert both.weights.tolist() == [2.0, 4.0, 7.0, 1.0, 3.0, 5.0, 8.0]
    assert both.indptr.tolist() == [0, 3, 3, 6, 7]


def test_times_travel_with_their_rows() -> None:
    users, items = np.array([2, 0, 2]), np.array([5, 1, 4])
    timed = Interactions.from_rows(users, items, None, 3, np.array([10, 20, 30]))
    assert timed.times is not None
    assert timed.times.tolist() == [20, 10, 30]
    both = timed.followed_by(Interactions.from_rows(np.array([0]), np.array([7]), None, 3, np.array([40])))
    assert both.times is not None
    assert both.times.tolist() == [20, 40, 10, 30]
    assert timed.followed_by(Interactions.from_rows(np.array([0]), np.array([7]), None, 3)).times is None
