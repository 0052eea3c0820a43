"""What holds for every family that learns the next item."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue, Heir, Model, Predecessor, load_family

from recstream.bundle import OnnxEncoder
from recstream.errors import ConfigurationError, DataError

FAMILIES = ["gru4rec", "hstu", "lstm", "nextitnet", "sasrec"]
ITEMS = 6
SMALL = {"dimension": 16, "max_length": 8, "dropout": 0.0, "learning_rate": 0.01, "averaging": 0.5}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def cycles(lengths: list[int]) -> Interactions:
    """User u goes round a circle of six items from item u on, a step a minute."""
    users = np.repeat(np.arange(len(lengths)), lengths)
    steps = np.concatenate([np.arange(length) for length in lengths])
    return Interactions.from_rows(users, (users + steps) % ITEMS, None, len(lengths), 1_000_000_000 + 60 * steps)


CIRCLE = cycles([2 + user % 12 for user in range(24)] + [0])


def made(name: str, *, seed: int = 1, train: Interactions = CIRCLE, **settings: Any) -> Model:
    family = load_family(name)
    return family.make(family.settings.model_validate(SMALL | settings), train, Catalogue(ITEMS), seed, "cpu")


def trained(name: str, epochs: int, **settings: Any) -> Model:
    model = made(name, **settings)
    for _ in range(epochs):
        model.run_epoch()
    return model


def test_it_learns_what_always_follows(family: str) -> None:
    model = trained(family, 30, batch_positions=32)
    users = np.flatnonzero(CIRCLE.counts)
    last = CIRCLE.items[CIRCLE.indptr[users + 1] - 1]
    np.testing.assert_array_equal(model.score(users).argmax(axis=1), (last + 1) % ITEMS)


def test_the_served_graph_gives_the_models_scores(family: str) -> None:
    model = trained(family, 2)
    model.finish()
    serving = model.serving()
    assert isinstance(serving.encoder, OnnxEncoder)
    assert serving.onnx is not None
    assert serving.encoder.max_length == 8
    users = np.flatnonzero(CIRCLE.counts)
    np.testing.assert_allclose(
        serving.user_vectors[users] @ serving.item_vectors.T, model.score(users), rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(serving.user_vectors[24], serving.user_vectors[users].mean(axis=0), rtol=1e-4, atol=1e-6)
    session = onnxruntime.InferenceSession(serving.onnx)
    assert [node.name for node in session.get_inputs()] == list(serving.encoder.inputs)
    assert CIRCLE.times is not None
    for user in (0, 7, 11):
        newest = slice(max(CIRCLE.indptr[user], CIRCLE.indptr[user + 1] - 8), CIRCLE.indptr[user + 1])
        inputs = {"rows": CIRCLE.items[newest].astype(np.int64)[None], "times": CIRCLE.times[newest][None]}
        vector = session.run(["vector"], {name: inputs[name] for name in serving.encoder.inputs})[0][0]
        np.testing.assert_allclose(vector, serving.user_vectors[user], rtol=1e-3, atol=1e-5)


def test_a_seed_means_the_same_model(family: str) -> None:
    first, again, other = (trained(family, 2, seed=seed, dropout=0.3) for seed in (3, 3, 4))
    for name, array in first.state().items():
        np.testing.assert_array_equal(array, again.state()[name], err_msg=name)
    assert not np.array_equal(first.state()["network/items.weight"], other.state()["network/items.weight"])


def test_a_restored_model_goes_on_as_if_it_had_never_stopped(family: str) -> None:
    whole = trained(family, 3, dropout=0.3)
    resumed = made(family, seed=1, dropout=0.3)
    resumed.restore(trained(family, 1, dropout=0.3).state())
    for _ in range(2):
        resumed.run_epoch()
    for name, array in whole.state().items():
        np.testing.assert_array_equal(array, resumed.state()[name], err_msg=name)


def test_a_state_is_a_copy(family: str) -> None:
    model = trained(family, 1)
    state = model.state()
    before = {name: array.copy() for name, array in state.items()}
    model.run_epoch()
    for name, array in state.items():
        np.testing.assert_array_equal(array, before[name])


def test_training_leaves_the_common_generator_alone(family: str) -> None:
    first = trained(family, 1, dropout=0.3)
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    again = trained(family, 1, dropout=0.3)
    assert torch.equal(before, torch.random.get_rng_state())
    np.testing.assert_array_equal(first.state()["network/items.weight"], again.state()["network/items.weight"])


def test_who_has_one_item_only_teaches_nothing(family: str) -> None:
    with pytest.raises(DataError, match="nobody has two interactions"):
        made(family, train=cycles([1, 1, 0]))


def test_memory_is_told_and_grows_with_the_data(family: str) -> None:
    chosen = load_family(family)
    small, large = (chosen.memory_bytes(chosen.settings(), n, n, 100 * n) for n in (1_000, 2_000))
    assert 0 < small < large


def test_an_heir_scores_as_its_predecessor_does_until_it_learns(family: str) -> None:
    earlier = trained(family, 3)
    serving = earlier.serving()
    assert serving.learned is not None
    chosen = load_family(family)
    # Item 0 is new here, and the others have moved up.
    train = Interactions(CIRCLE.indptr, CIRCLE.items + 1, CIRCLE.weights, CIRCLE.times)
    heir = chosen.make(chosen.settings.model_validate(SMALL), train, Catalogue(ITEMS + 1), 5, "cpu")
    assert isinstance(heir, Heir)
    heir.inherit(
        Predecessor(
            np.arange(-1, ITEMS),
            np.arange(25),
            serving.item_vectors,
            serving.user_vectors,
            weights=serving.learned.weights,
        )
    )
    users = np.flatnonzero(CIRCLE.counts)
    np.testing.assert_allclose(heir.score(users)[:, 1:], earlier.score(users), rtol=1e-4, atol=1e-5)


def test_an_heir_must_be_of_the_same_sizes() -> None:
    serving = made("gru4rec").serving()
    assert serving.learned is not None
    heir = made("gru4rec", hidden=24)
    assert isinstance(heir, Heir)
    weights = serving.learned.weights
    predecessor = Predecessor(
        np.arange(ITEMS), np.arange(25), serving.item_vectors, serving.user_vectors, {"hidden": 128}, weights
    )
    with pytest.raises(ConfigurationError, match=r"is \(\d+, \d+\), where .*; give --set model\.hidden=128"):
        heir.inherit(predecessor)
