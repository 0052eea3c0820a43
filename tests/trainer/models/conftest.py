"""Small random interactions, and the two communities of which every answer is known."""

import numpy as np
import pytest
from recstream_trainer.evaluation import Interactions


def random_interactions(seed: int, users: int = 30, items: int = 20, share: float = 0.3) -> Interactions:
    """Weighted interactions with a user and an item that have none."""
    rng = np.random.default_rng(seed)
    cells = rng.random((users, items)) < share
    cells[-1], cells[:, -1] = False, False
    rows, columns = np.nonzero(cells)
    return Interactions.from_rows(rows, columns, rng.uniform(0.5, 2.0, len(rows)), users)


@pytest.fixture
def interactions() -> Interactions:
    return random_interactions(1)


@pytest.fixture
def communities() -> Interactions:
    """Users 0 to 9 have items 0 to 4 but their own one (user % 5), users 10 to 19 the same among items 5 to 9."""
    pairs = [
        (user, item) for user in range(20) for item in range(10) if item // 5 == user // 10 and item % 5 != user % 5
    ]
    users, items = np.array(pairs).T
    return Interactions.from_rows(users, items, None, 20)
