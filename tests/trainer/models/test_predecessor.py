"""Families of vectors, which hand on those of ids that both know."""

import numpy as np
import pytest
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue, Heir, Model, Predecessor, load_family

from recstream.errors import ConfigurationError


def made(name: str, train: Interactions, items: int, *, dimension: int = 4, seed: int = 1) -> Model:
    family = load_family(name)
    return family.make(family.settings.model_validate({"dimension": dimension}), train, Catalogue(items), seed, "cpu")


def handed_on(model: Model, item_rows: list[int], user_rows: list[int]) -> Predecessor:
    serving = model.serving()
    return Predecessor(
        np.array(item_rows), np.array(user_rows), serving.item_vectors, serving.user_vectors, {"dimension": 4}
    )


@pytest.mark.parametrize("name", ["als", "bpr"])
def test_who_is_known_keeps_their_vector_and_who_is_new_begins_anew(name: str, communities: Interactions) -> None:
    earlier = made(name, communities, 10)
    for _ in range(3):
        earlier.run_epoch()
    items, users = [9, *range(1, 9), -1], [*range(19), -1]
    predecessor = handed_on(earlier, items, users)
    heir, fresh = (made(name, communities, 10, seed=2) for _ in range(2))
    assert isinstance(heir, Heir)
    heir.inherit(predecessor)
    state, before = heir.state(), fresh.state()
    np.testing.assert_array_equal(state["items"][:9], predecessor.item_vectors[[9, *range(1, 9)]])
    np.testing.assert_array_equal(state["users"][:19], predecessor.user_vectors[:19])
    np.testing.assert_array_equal(state["items"][9], before["items"][9])
    np.testing.assert_array_equal(state["users"][19], before["users"][19])


def test_als_that_goes_on_begins_with_a_smaller_loss(communities: Interactions) -> None:
    earlier = made("als", communities, 10)
    for _ in range(10):
        last = earlier.run_epoch()
    heir, fresh = (made("als", communities, 10, seed=2) for _ in range(2))
    assert isinstance(heir, Heir)
    heir.inherit(handed_on(earlier, list(range(10)), list(range(20))))
    assert heir.run_epoch() <= last * (1 + 1e-5) < fresh.run_epoch()


@pytest.mark.parametrize("name", ["als", "bpr"])
def test_vectors_of_another_width_are_refused(name: str, communities: Interactions) -> None:
    predecessor = handed_on(made(name, communities, 10), list(range(10)), list(range(20)))
    heir = made(name, communities, 10, dimension=6)
    assert isinstance(heir, Heir)
    with pytest.raises(ConfigurationError, match=r"its vectors have \d numbers, not \d; .* --set model\.dimension=4"):
        heir.inherit(predecessor)


@pytest.mark.parametrize(
    "name", ["als", "autorec", "bpr", "gru4rec", "hstu", "mult_vae", "ncf", "nextitnet", "sasrec", "two_tower"]
)
def test_families_that_inherit_say_so(name: str) -> None:
    assert load_family(name).inherits is not None


def test_others_do_not() -> None:
    assert all(load_family(name).inherits is None for name in ("popular", "ease", "item_knn", "svdpp", "tfidf"))
