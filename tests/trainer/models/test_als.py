import numpy as np
import pytest
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue, load_family
from recstream_trainer.models.als import AlsModel, AlsSettings

from recstream._core import UserEncoder
from recstream.bundle import AlsFoldIn


def train(
    interactions: Interactions, item_count: int, *, epochs: int = 10, seed: int = 1, **settings: object
) -> AlsModel:
    model = AlsModel(AlsSettings.model_validate(settings), interactions, Catalogue(item_count), seed, "cpu")
    for _ in range(epochs):
        model.run_epoch()
    return model


@pytest.mark.parametrize("solver", ["cg", "cholesky"])
def test_everybody_is_recommended_the_item_that_only_they_lack(communities: Interactions, solver: str) -> None:
    model = train(communities, 10, dimension=4, solver=solver)
    model.finish()
    scores = model.score(np.arange(20))
    scores[communities.users, communities.items] = -np.inf
    np.testing.assert_array_equal(scores.argmax(axis=1), [user % 5 + 5 * (user // 10) for user in range(20)])


def test_a_seed_means_the_same_model(interactions: Interactions) -> None:
    first, again, other = (train(interactions, 20, dimension=8, seed=seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.state()["items"], again.state()["items"])
    assert not np.array_equal(first.state()["items"], other.state()["items"])


def test_a_restored_model_goes_on_as_if_it_had_never_stopped(interactions: Interactions) -> None:
    whole = train(interactions, 20, dimension=8, epochs=6)
    part = train(interactions, 20, dimension=8, epochs=2)
    resumed = train(interactions, 20, dimension=8, epochs=0, seed=99)
    resumed.restore(part.state())
    for _ in range(4):
        resumed.run_epoch()
    for name, array in whole.state().items():
        np.testing.assert_array_equal(array, resumed.state()[name])


def test_a_state_is_a_copy(interactions: Interactions) -> None:
    model = train(interactions, 20, dimension=8, epochs=1)
    state = model.state()
    before = {name: array.copy() for name, array in state.items()}
    model.run_epoch()
    for name, array in state.items():
        np.testing.assert_array_equal(array, before[name])


def test_the_exported_encoder_gives_the_exported_user_vectors(interactions: Interactions) -> None:
    model = train(interactions, 20, dimension=8)
    model.finish()
    serving = model.serving()
    assert isinstance(serving.encoder, AlsFoldIn)
    encoder = UserEncoder.als_fold_in(
        serving.item_vectors,
        unobserved_weight=serving.encoder.unobserved_weight,
        regularization=serving.encoder.regularization,
        regularization_exponent=serving.encoder.regularization_exponent,
    )
    for user in np.flatnonzero(interactions.counts):
        entries = slice(interactions.indptr[user], interactions.indptr[user + 1])
        vector = encoder.encode(interactions.items[entries].astype(np.int64), interactions.weights[entries])
        assert vector is not None
        np.testing.assert_allclose(vector, serving.user_vectors[user], rtol=1e-3, atol=1e-5)


def test_scores_are_those_of_the_exported_vectors(interactions: Interactions) -> None:
    model = train(interactions, 20, dimension=8)
    model.finish()
    serving = model.serving()
    users = np.array([3, 0])
    np.testing.assert_allclose(
        model.score(users), serving.user_vectors[users] @ serving.item_vectors.T, rtol=1e-5, atol=1e-6
    )


def test_who_has_no_history_gets_the_mean_and_what_nobody_has_scores_zero(interactions: Interactions) -> None:
    model = train(interactions, 20, dimension=8)
    model.finish()
    serving = model.serving()
    np.testing.assert_allclose(serving.user_vectors[29], serving.user_vectors[:29].mean(axis=0), rtol=1e-4, atol=1e-6)
    assert not serving.item_vectors[19].any()


def test_the_family_estimates_memory_that_grows_with_the_data() -> None:
    family = load_family("als")
    small, large = (family.memory_bytes(family.settings(), n, n, 10 * n) for n in (1_000, 2_000))
    assert 0 < small < large
