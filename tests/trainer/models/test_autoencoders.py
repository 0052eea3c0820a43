"""What holds for every autoencoder."""

from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue, Heir, Model, Predecessor, load_family
from recstream_trainer.models.ncf import NcfNetwork, NcfSettings

from recstream.bundle import OnnxEncoder

ITEMS = 10
SMALL = {"hidden": 16, "learning_rate": 0.01, "batch_users": 8}


@pytest.fixture(params=["autorec", "mult_vae", "ncf"])
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def trained(name: str, train: Interactions, epochs: int, *, seed: int = 1, **settings: Any) -> Model:
    family = load_family(name)
    small = SMALL | {"mult_vae": {"latent": 4}, "ncf": {"layer": 8}}.get(name, {})
    model = family.make(family.settings.model_validate(small | settings), train, Catalogue(ITEMS), seed, "cpu")
    for _ in range(epochs):
        model.run_epoch()
    return model


def test_everybody_is_recommended_the_item_that_only_they_lack(family: str, communities: Interactions) -> None:
    model = trained(family, communities, 60)
    scores = model.score(np.arange(20))
    scores[communities.users, communities.items] = -np.inf
    np.testing.assert_array_equal(scores.argmax(axis=1), [user % 5 + 5 * (user // 10) for user in range(20)])


def test_the_served_graph_gives_the_models_scores(family: str) -> None:
    rng = np.random.default_rng(1)
    users, items = np.nonzero(rng.random((12, ITEMS)) < 0.5)
    train = Interactions.from_rows(users, items, rng.uniform(0.5, 2, len(users)), 13)
    model = trained(family, train, 3, max_length=6)
    serving = model.serving()
    assert isinstance(serving.encoder, OnnxEncoder)
    assert serving.encoder == OnnxEncoder(6, ("rows", "weights"))
    assert serving.onnx is not None
    known = np.flatnonzero(train.counts)
    np.testing.assert_allclose(
        serving.user_vectors[known] @ serving.item_vectors.T, model.score(known), rtol=1e-3, atol=1e-5
    )
    np.testing.assert_allclose(serving.user_vectors[12], serving.user_vectors[known].mean(axis=0), rtol=1e-4, atol=1e-6)
    session = onnxruntime.InferenceSession(serving.onnx)
    for user in known:
        newest = slice(max(train.indptr[user], train.indptr[user + 1] - 6), train.indptr[user + 1])
        inputs = {"rows": train.items[newest].astype(np.int64)[None], "weights": train.weights[newest][None]}
        vector = session.run(["vector"], inputs)[0][0]
        np.testing.assert_allclose(vector, serving.user_vectors[user], rtol=1e-3, atol=1e-5)


def test_a_seed_means_the_same_model_and_the_common_generator_is_left_alone(
    family: str, communities: Interactions
) -> None:
    first = trained(family, communities, 2)
    torch.manual_seed(99)
    before = torch.random.get_rng_state()
    again, other = (trained(family, communities, 2, seed=seed) for seed in (1, 4))
    assert torch.equal(before, torch.random.get_rng_state())
    for name, array in first.state().items():
        np.testing.assert_array_equal(array, again.state()[name], err_msg=name)
    assert not np.array_equal(first.state()["network/read.weight"], other.state()["network/read.weight"])


def test_a_restored_model_goes_on_as_if_it_had_never_stopped(family: str, communities: Interactions) -> None:
    whole = trained(family, communities, 3)
    resumed = trained(family, communities, 0)
    state = trained(family, communities, 1).state()
    kept = {name: array.copy() for name, array in state.items()}
    resumed.restore(state)
    for _ in range(2):
        resumed.run_epoch()
    for name, array in whole.state().items():
        np.testing.assert_array_equal(array, resumed.state()[name], err_msg=name)
        np.testing.assert_array_equal(state[name], kept[name], err_msg=name)


def test_an_item_without_weight_has_no_influence(family: str, communities: Interactions) -> None:
    serving = trained(family, communities, 1).serving()
    assert serving.onnx is not None
    session = onnxruntime.InferenceSession(serving.onnx)
    with_it, without = (
        session.run(["vector"], {"rows": np.array([rows]), "weights": np.array([weights], np.float32)})[0]
        for rows, weights in (([3, 1, 2], [-1, 1, 2]), ([1, 2], [1, 2]))
    )
    np.testing.assert_allclose(with_it, without, rtol=1e-5, atol=1e-6)


def test_an_heir_scores_as_its_predecessor_does_until_it_learns(family: str, communities: Interactions) -> None:
    earlier = trained(family, communities, 3)
    serving = earlier.serving()
    assert serving.learned is not None
    items = np.array([*range(ITEMS), -1])
    heir_family = load_family(family)
    small = SMALL | {"mult_vae": {"latent": 4}, "ncf": {"layer": 8}}.get(family, {})
    settings = heir_family.settings.model_validate(small)
    heir = heir_family.make(settings, communities, Catalogue(ITEMS + 1), 5, "cpu")
    assert isinstance(heir, Heir)
    heir.inherit(
        Predecessor(items, np.arange(20), serving.item_vectors, serving.user_vectors, weights=serving.learned.weights)
    )
    everybody = np.arange(20)
    np.testing.assert_allclose(heir.score(everybody)[:, :ITEMS], earlier.score(everybody), rtol=1e-5, atol=1e-6)
    before = heir.score(everybody)
    heir.run_epoch()
    assert not np.allclose(heir.score(everybody), before)


def test_memory_is_told_and_grows_with_the_data(family: str) -> None:
    chosen = load_family(family)
    small, large = (chosen.memory_bytes(chosen.settings(), n, n, 100 * n) for n in (1_000, 2_000))
    assert 0 < small < large


def test_ncf_adds_what_its_two_halves_say() -> None:
    chosen = load_family("ncf").settings.model_validate({"hidden": 6, "layer": 5})
    assert isinstance(chosen, NcfSettings)
    torch.manual_seed(3)
    network = NcfNetwork(4, chosen).eval()
    rows, weights = torch.tensor([[0, 2, 4]]), torch.tensor([[3.0, 4.0, 0.0]])
    with torch.inference_mode():
        scores = (network(rows, weights) @ network.item_vectors.T)[0]
        user = 0.6 * network.read.weight[0] + 0.8 * network.read.weight[2] + network.read_bias
        for item in range(4):
            own = network.write.weight[item]
            gmf = user[:3] @ own[:3]
            perceptrons = network.user_tower(user[3:]) @ network.item_tower(own[3:])
            np.testing.assert_allclose(scores[item], gmf + perceptrons + network.write.bias[item], rtol=1e-5)
