"""Two communities with genres of their own, and a new item of each genre."""

from typing import Any

import numpy as np
import onnxruntime
import polars as pl
import pytest
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue, FamilySettings, Predecessor, load_family
from recstream_trainer.models.two_tower import TwoTowerModel

from recstream.errors import ConfigurationError, DataError

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


def predecessor_of(model: TwoTowerModel, item_rows: list[int], **changed: Any) -> Predecessor:
    serving = model.serving()
    assert serving.learned is not None
    return Predecessor(
        np.array(item_rows),
        np.full(21, -1),
        serving.item_vectors,
        serving.user_vectors,
        settings=model_settings().model_dump(),
        weights=serving.learned.weights,
        facts=changed.get("facts", serving.learned.facts),
    )


def model_settings(**settings: object) -> FamilySettings:
    return FAMILY.settings.model_validate(SMALL | settings)


def heir_of(
    train: Interactions, attributes: pl.DataFrame, predecessor: Predecessor, **settings: object
) -> TwoTowerModel:
    heir = FAMILY.make(model_settings(**settings), train, Catalogue(12, attributes), 9, "cpu")
    assert isinstance(heir, TwoTowerModel)
    heir.inherit(predecessor)
    return heir


def test_an_heir_of_the_same_items_begins_where_the_other_ended(trained: TwoTowerModel, train: Interactions) -> None:
    heir = heir_of(train, ATTRIBUTES, predecessor_of(trained, list(range(12))))
    np.testing.assert_allclose(heir.score(np.arange(20)), trained.score(np.arange(20)), rtol=1e-5, atol=1e-6)


def test_an_heir_knows_other_items_by_their_words_alone(trained: TwoTowerModel, train: Interactions) -> None:
    # The same kinds under other ids, in another order, with a genre that nobody had heard of.
    other = pl.DataFrame(
        {
            "genres": [["love"]] * 5 + [["war", "noir"]] * 5 + [["love"], ["war"]],
            "title": [f"part {n}" for n in range(12)],
        }
    )
    heir = heir_of(train, other, predecessor_of(trained, [-1] * 12))
    serving = heir.serving()
    assert serving.learned is not None
    assert serving.learned.facts["values"] == ["genres=love", "genres=war", "genres=noir"]
    # A pair of items of one kind is nearer than one of two, though nothing was learned of them yet.
    vectors = serving.item_vectors / np.linalg.norm(serving.item_vectors, axis=1, keepdims=True)
    alike = vectors @ vectors.T
    assert alike[:5, 10].min() > alike[:5, 11].max()
    scores = heir.score(np.arange(20))
    assert (scores[:10][:, 10] > scores[:10][:, 11]).all()


def test_what_is_inherited_stays_as_it_is_while_it_is_frozen(trained: TwoTowerModel, train: Interactions) -> None:
    heir = heir_of(train, ATTRIBUTES, predecessor_of(trained, [-1] * 12), frozen_epochs=1)
    before = heir.state()
    heir.run_epoch()
    frozen = heir.state()
    changed = {name for name in before if name.startswith("towers/") and not np.array_equal(before[name], frozen[name])}
    assert changed == {"towers/ids.weight"}
    heir.run_epoch()
    assert not np.array_equal(heir.state()["towers/text.weight"], frozen["towers/text.weight"])


def test_an_heir_goes_on_from_its_state_to_the_bit(trained: TwoTowerModel, train: Interactions) -> None:
    straight, first, second = (heir_of(train, ATTRIBUTES, predecessor_of(trained, [-1] * 12)) for _ in range(3))
    for _ in range(3):
        straight.run_epoch()
    first.run_epoch()
    second.restore(first.state())
    for _ in range(2):
        second.run_epoch()
    np.testing.assert_array_equal(second.score(np.arange(21)), straight.score(np.arange(21)))


def test_an_heir_must_fit(trained: TwoTowerModel, train: Interactions) -> None:
    with pytest.raises(ConfigurationError, match=r"'ids\.weight' is \(12, 8\), .*; give --set model\.dimension=8"):
        heir_of(train, ATTRIBUTES, predecessor_of(trained, [-1] * 12), dimension=4)
    facts = dict(predecessor_of(trained, [-1] * 12).facts)
    with pytest.raises(ConfigurationError, match=r"weights\.npz is damaged at its \d words"):
        heir_of(train, ATTRIBUTES, predecessor_of(trained, [-1] * 12, facts=facts | {"words": facts["words"][:-1]}))
    with pytest.raises(ConfigurationError, match="damaged at 'edges'"):
        heir_of(train, ATTRIBUTES, predecessor_of(trained, [-1] * 12, facts=facts | {"edges": 3}))
