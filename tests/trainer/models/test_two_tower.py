"""Two communities with genres of their own, and a new item of each genre."""

import numpy as np
import onnxruntime
import polars as pl
import pytest
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue, load_family
from recstream_trainer.models.two_tower import TwoTowerModel

from recstream.errors import DataError

FAMILY = load_family("two_tower")
ATTRIBUTES = pl.DataFrame(
    {"genres": [["war"]] * 5 + [["love"]] * 5 + [["war"], ["love"]], "title": [f"part {n}" for n in range(12)]}
)
SMALL = {"dimension": 8, "hidden": 8, "batch_users": 8, "targets": 2, "uniform_negatives": 8, "learning_rate": 0.01}


def make(train: Interactions, seed: int = 1, **settings: object) -> TwoTowerModel:
    chosen = FAMILY.settings.model_validate(SMALL | settings)
    model = FAMILY.make(chosen, train, Catalogue(12, ATTRIBUTES), seed, "cpu")
    assert isinstance(model, TwoTowerModel)
    return model


@pytest.fixture(scope="module")
def train() -> Interactions:
    """Users 0 to 9 have items 0 to 4 but their own one, users 10 to 19 the same among items 5 to 9; user 20 nothing."""
    pairs = [(u, i) for u in range(20) for i in range(10) if i // 5 == u // 10 and i % 5 != u % 5]
    users, items = np.array(pairs).T
    return Interactions.from_rows(users, items, np.where(items % 2, 0.5, 1.0), 21)


@pytest.fixture(scope="module")
def trained(train: Interactions) -> TwoTowerModel:
    model = make(train)
    losses = [model.run_epoch() for _ in range(20)]
    assert losses[-1] < losses[0]
    model.finish()
    return model


def test_everybody_is_recommended_their_own_kind_and_what_is_new_of_it(trained: TwoTowerModel) -> None:
    scores = trained.score(np.arange(20))
    war, love = [*range(5), 10], [*range(5, 10), 11]
    assert (scores[:10][:, war].min(axis=1) > scores[:10][:, love].max(axis=1)).all()
    assert (scores[10:][:, love].min(axis=1) > scores[10:][:, war].max(axis=1)).all()


def test_the_exported_graph_makes_the_vectors_that_are_scored_with(trained: TwoTowerModel, train: Interactions) -> None:
    serving = trained.serving()
    assert serving.onnx is not None
    session = onnxruntime.InferenceSession(serving.onnx, providers=["CPUExecutionProvider"])
    entries = slice(train.indptr[3], train.indptr[4])
    history = {"rows": train.items[entries][None].astype(np.int64), "weights": train.weights[entries][None]}
    (vector,) = session.run(["vector"], history)
    np.testing.assert_allclose(vector[0], serving.user_vectors[3], atol=1e-5)
    np.testing.assert_allclose(vector @ serving.item_vectors.T, trained.score(np.array([3])), atol=1e-4)
    np.testing.assert_allclose(serving.user_vectors[20], serving.user_vectors[:20].mean(axis=0), atol=1e-6)


def test_an_item_that_nobody_had_has_no_say_in_training(train: Interactions) -> None:
    changed = ATTRIBUTES.with_columns(title=pl.Series([*ATTRIBUTES["title"][:10], "alien words", "even more"]))
    found = []
    for attributes in (ATTRIBUTES, changed):
        model = FAMILY.make(FAMILY.settings.model_validate(SMALL), train, Catalogue(12, attributes), 1, "cpu")
        model.run_epoch()
        found.append(model.score(np.arange(20))[:, :10])
    np.testing.assert_array_equal(*found)


def test_it_goes_on_from_its_state_to_the_bit(train: Interactions) -> None:
    straight, first, second = make(train), make(train), make(train)
    straight.run_epoch()
    straight.run_epoch()
    first.run_epoch()
    second.restore(first.state())
    second.run_epoch()
    np.testing.assert_array_equal(second.score(np.arange(21)), straight.score(np.arange(21)))
    other = make(train, seed=2)
    other.run_epoch()
    assert not np.array_equal(other.score(np.arange(21)), first.score(np.arange(21)))


def test_somebody_must_have_two_items() -> None:
    with pytest.raises(DataError, match="nobody has two items, one to read and one to find"):
        make(Interactions.from_rows(np.array([0, 1]), np.array([0, 1]), None, 2))


def test_more_takes_more_memory() -> None:
    assert FAMILY.memory_bytes(FAMILY.settings(), 9, 9, 9) < FAMILY.memory_bytes(FAMILY.settings(), 99, 99, 99)
