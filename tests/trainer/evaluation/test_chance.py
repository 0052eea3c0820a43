"""What a random order comes to, against many random orders."""

import numpy as np
import pytest
from numpy.typing import NDArray
from recstream_trainer.evaluation import Interactions
from recstream_trainer.evaluation.chance import chance_metrics
from recstream_trainer.evaluation.metrics import per_user_metrics
from recstream_trainer.evaluation.ranking import rank_items


@pytest.mark.parametrize("among", [None, np.arange(30) % 3 > 0])
def test_it_is_the_mean_of_random_orders(among: NDArray[np.bool_] | None) -> None:
    rng = np.random.default_rng(4)
    users, items = np.nonzero(rng.random((8, 30)) < 0.4)
    seen = rng.random(len(users)) < 0.5
    had, target = (Interactions.from_rows(users[part], items[part], None, 8) for part in (seen, ~seen))
    everybody = np.repeat(np.arange(8), 3000)

    def of_all(part: Interactions) -> Interactions:
        rows, columns = part.cells(everybody)
        return Interactions.from_rows(rows, columns, None, len(everybody))

    def score(chosen: NDArray[np.int64]) -> NDArray[np.float32]:
        return rng.random((len(chosen), 30), dtype=np.float32)

    rankings = rank_items(score, of_all(had), of_all(target), 5, among=among, batch_size=4096)
    found = {name: values.mean() for name, values in per_user_metrics(rankings, 5).items()}
    for name, value in chance_metrics(rankings, 5).items():
        assert value == pytest.approx(found[name], abs=0.01)


def test_with_fewer_items_than_places_all_are_found() -> None:
    had = Interactions.from_rows(np.array([0]), np.array([3]), None, 1)
    target = Interactions.from_rows(np.array([0]), np.array([1]), None, 1)
    rankings = rank_items(lambda users: np.zeros((len(users), 4), dtype=np.float32), had, target, 10)
    assert rankings.eligible_counts.tolist() == [3]
    chance = chance_metrics(rankings, 10)
    assert (chance["hr"], chance["recall"], chance["precision"]) == pytest.approx((1, 1, 0.1))
    assert chance["ndcg"] == pytest.approx(np.mean([1, 1 / np.log2(3), 0.5]))
