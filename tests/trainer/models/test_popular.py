import numpy as np
import pytest
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue, load_family

from recstream.bundle import Constant


@pytest.fixture
def taken() -> Interactions:
    return Interactions.from_rows(np.array([0, 0, 1, 2]), np.array([2, 1, 2, 2]), None, 4)


def test_everybody_gets_the_most_chosen_first(taken: Interactions) -> None:
    family = load_family("popular")
    model = family.make(family.settings(), taken, Catalogue(4), 1, "cpu")
    loss = model.run_epoch()
    model.finish()
    np.testing.assert_array_equal(model.score(np.array([3, 0])), [[0, 1, 3, 0]] * 2)
    assert loss == pytest.approx(-(0.25 * np.log(0.25) + 0.75 * np.log(0.75)))
    assert family.single_pass


def test_it_is_served_as_one_number_a_vector(taken: Interactions) -> None:
    family = load_family("popular")
    model = family.make(family.settings(), taken, Catalogue(4), 1, "cpu")
    model.run_epoch()
    serving = model.serving()
    assert serving.encoder == Constant((1.0,))
    np.testing.assert_array_equal(serving.user_vectors, np.ones((4, 1), np.float32))
    np.testing.assert_array_equal(serving.item_vectors, np.array([[0], [1], [3], [0]], np.float32))


def test_its_state_is_its_counts(taken: Interactions) -> None:
    family = load_family("popular")
    trained, fresh = (family.make(family.settings(), taken, Catalogue(4), 1, "cpu") for _ in range(2))
    trained.run_epoch()
    fresh.restore(trained.state())
    np.testing.assert_array_equal(fresh.score(np.array([0])), trained.score(np.array([0])))
    assert family.memory_bytes(family.settings(), 4, 4, 4) > 0
