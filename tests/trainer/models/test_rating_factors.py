import numpy as np
import pytest
from recstream_trainer.evaluation import Interactions
from recstream_trainer.evaluation.rating_accuracy import Ratings
from recstream_trainer.models import Catalogue, load_family

FAMILIES = ("biased_mf", "svdpp")


@pytest.fixture
def ratings() -> Ratings:
    """Two tastes: people like one half of the items and not the other; some rate lower than others."""
    rng = np.random.default_rng(3)
    cells = np.flatnonzero(rng.random(40 * 20) < 0.6)
    users, items = cells // 20, cells % 20
    likes = (items < 10) == (users < 20)
    values = np.where(likes, 4.5, 2.0) - (users % 2) * 0.5
    return Ratings(users, items, values.astype(np.float32), 41, 21)


@pytest.mark.parametrize("name", FAMILIES)
def test_tastes_are_learned(ratings: Ratings, name: str) -> None:
    family = load_family(name)
    assert family.rate is not None
    settings = family.settings.model_validate(
        {"dimension": 4, "epochs": 150, "learning_rate": 0.02, "regularization": 0.005}
    )
    model = family.rate(settings, ratings, 1)
    errors = model.predict(ratings.users, ratings.items) - ratings.values
    assert np.sqrt((errors**2).mean()) < 0.15
    unseen = model.predict(np.array([40, 40]), np.array([20, 0]))
    assert np.abs(unseen - ratings.values.mean()).max() < 1


@pytest.mark.parametrize("name", FAMILIES)
def test_it_is_served_as_it_predicts_and_goes_on_from_its_state(ratings: Ratings, name: str) -> None:
    family = load_family(name)
    train = Interactions.from_rows(ratings.users, ratings.items, ratings.values, ratings.user_count)

    def made(epochs: int, seed: int = 1):
        model = family.make(family.settings.model_validate({"dimension": 4}), train, Catalogue(21), seed, "cpu")
        for _ in range(epochs):
            model.run_epoch()
        return model

    model = made(3)
    users, items = np.repeat(np.arange(41), 21), np.tile(np.arange(21), 41)
    serving = model.serving()
    scores = serving.user_vectors @ serving.item_vectors.T
    np.testing.assert_allclose(scores.ravel(), model.predict(users, items), atol=1e-5)
    np.testing.assert_array_equal(model.score(np.array([3, 0])), scores[[3, 0]])
    resumed = made(0, seed=9)
    resumed.restore(made(2).state())
    again = made(0)
    again.restore(made(2).state())
    np.testing.assert_array_equal(again.state()["items"], resumed.state()["items"])
    again.run_epoch()
    for key, array in model.state().items():
        np.testing.assert_array_equal(array, again.state()[key])
    assert family.learns_ratings
    assert family.memory_bytes(family.settings(), 10, 10, 100) > 0
