"""Models whose epochs take long tell how much of one is done."""

import numpy as np
import polars as pl
import pytest
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue, load_family
from recstream_trainer.models.epoch_share import listening, tell


@pytest.mark.parametrize(
    ("name", "settings", "told"),
    [
        ("gru4rec", {"dimension": 4, "hidden": 4, "batch_positions": 40, "max_length": 9}, 4),
        ("autorec", {"hidden": 4, "batch_users": 10}, 4),
        ("two_tower", {"dimension": 4, "hidden": 4, "batch_users": 10, "targets": 2}, 4),
        ("item_knn", {}, 1),
        ("item2vec", {"dimension": 4, "epochs": 5}, 5),
    ],
)
def test_shares_grow_to_the_whole(name: str, settings: dict[str, int], told: int) -> None:
    rng = np.random.default_rng(1)
    items = np.concatenate([rng.permutation(20)[:8] for _ in range(40)])
    train = Interactions.from_rows(np.repeat(np.arange(40), 8), items, None, 40)
    family, shares = load_family(name), list[float]()
    catalogue = Catalogue(20, pl.DataFrame({"title": ["a thing"] * 20}))
    model = family.make(family.settings.model_validate(settings), train, catalogue, 1, "cpu")
    with listening(shares.append):
        model.run_epoch()
    model.run_epoch()
    assert len(shares) >= told
    assert shares == sorted(shares)
    assert 0 < shares[0] <= 1
    assert shares[-1] == pytest.approx(1)


def test_without_a_listener_nothing_happens() -> None:
    tell(1, 2)
    with listening(lambda share: pytest.fail(f"{share}")):
        tell(0, 2)
        tell(3, 2)
