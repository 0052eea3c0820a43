import numpy as np
import pytest
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue, load_family
from recstream_trainer.models.neighbour_model import NeighbourModel, largest_of_rows

FAMILIES = ("item_knn", "user_knn", "ease")


def train(name: str, interactions: Interactions, item_count: int, **settings: object) -> NeighbourModel:
    family = load_family(name)
    model = family.make(family.settings.model_validate(settings), interactions, Catalogue(item_count), 1, "cpu")
    assert isinstance(model, NeighbourModel)
    model.run_epoch()
    model.finish()
    return model


@pytest.mark.parametrize("name", FAMILIES)
def test_everybody_is_recommended_the_item_that_only_they_lack(communities: Interactions, name: str) -> None:
    scores = train(name, communities, 10).score(np.arange(20))
    scores[communities.users, communities.items] = -np.inf
    np.testing.assert_array_equal(scores.argmax(axis=1), [user % 5 + 5 * (user // 10) for user in range(20)])


@pytest.mark.parametrize("name", ["item_knn", "ease"])
def test_scores_are_those_of_the_exported_matrix(interactions: Interactions, name: str) -> None:
    model = train(name, interactions, 20)
    serving = model.serving()
    assert serving.neighbours is not None
    assert serving.item_vectors.shape == (20, 0)
    indptr, rows, weights = serving.neighbours
    dense = np.zeros((20, 20))
    dense[np.repeat(np.arange(20), np.diff(indptr)), rows] = weights
    assert not dense.diagonal().any()
    histories = np.zeros((30, 20))
    histories[interactions.users, interactions.items] = interactions.weights
    np.testing.assert_allclose(model.score(np.arange(30)), histories @ dense, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", FAMILIES)
def test_its_state_is_its_matrix(interactions: Interactions, name: str) -> None:
    trained = train(name, interactions, 20)
    family = load_family(name)
    fresh = family.make(family.settings(), interactions, Catalogue(20), 1, "cpu")
    fresh.restore(trained.state())
    np.testing.assert_array_equal(fresh.score(np.arange(30)), trained.score(np.arange(30)))
    assert family.single_pass
    small, large = (family.memory_bytes(family.settings(), n, n, 10 * n) for n in (10_000, 20_000))
    assert 0 < small < large


def test_the_largest_entries_of_rows_without_the_diagonal() -> None:
    block = np.array([[9.0, -3, 1, 2], [0, 9, 0, 5]])
    found = largest_of_rows(block, 2, 0).toarray()
    np.testing.assert_array_equal(found, [[0, -3, 0, 2], [0, 0, 0, 5]])
