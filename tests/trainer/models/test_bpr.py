import numpy as np
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue
from recstream_trainer.models.bpr import FAMILY, BprModel, BprSettings


def train(interactions: Interactions, item_count: int, *, epochs: int, seed: int = 1, **settings: object) -> BprModel:
    model = BprModel(BprSettings.model_validate(settings), interactions, Catalogue(item_count), seed, "cpu")
    for _ in range(epochs):
        model.run_epoch()
    return model


def test_everybody_is_recommended_the_item_that_only_they_lack(communities: Interactions) -> None:
    model = train(communities, 10, epochs=150, dimension=4)
    scores = model.score(np.arange(20))
    scores[communities.users, communities.items] = -np.inf
    np.testing.assert_array_equal(scores.argmax(axis=1), [user % 5 + 5 * (user // 10) for user in range(20)])


def test_a_restored_model_goes_on_as_if_it_had_never_stopped(interactions: Interactions) -> None:
    whole, part = (train(interactions, 20, epochs=epochs, dimension=8) for epochs in (6, 2))
    resumed = train(interactions, 20, epochs=0, dimension=8)
    resumed.restore(part.state())
    for _ in range(4):
        resumed.run_epoch()
    np.testing.assert_array_equal(whole.score(np.arange(30)), resumed.score(np.arange(30)))
    other = train(interactions, 20, epochs=6, dimension=8, seed=2)
    assert not np.array_equal(whole.state()["items"], other.state()["items"])


def test_it_is_served_as_it_scores(interactions: Interactions) -> None:
    model = train(interactions, 20, epochs=3, dimension=8)
    serving = model.serving()
    np.testing.assert_allclose(
        model.score(np.array([3, 0])), serving.user_vectors[[3, 0]] @ serving.item_vectors.T, rtol=1e-6
    )
    assert FAMILY.memory_bytes(FAMILY.settings(), 10, 10, 100) > 0
