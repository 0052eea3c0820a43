"""Taste that shows in nothing but images: people who like red things, and people who like blue ones."""

import numpy as np
import polars as pl
import pytest
import torch
from PIL import Image
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue, Predecessor, load_family
from recstream_trainer.models.neural.picture_tower import PictureTower
from recstream_trainer.models.two_tower import TwoTowerModel

from recstream.errors import ConfigurationError, DataError

FAMILY = load_family("two_tower")
SMALL = {"dimension": 8, "hidden": 8, "batch_users": 8, "targets": 2, "uniform_negatives": 8, "learning_rate": 0.01}
ITEMS, KNOWN, USERS = 24, 18, 16
"""Even items are red, odd ones blue; the last six are new."""


def histories() -> Interactions:
    rng = np.random.default_rng(5)
    pairs = [(user, 2 * item + user % 2) for user in range(USERS) for item in rng.permutation(KNOWN // 2)[:6]]
    users, items = np.array(pairs).T
    return Interactions.from_rows(users, items, None, USERS)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> pl.DataFrame:
    """Noise, in which red or blue is a little stronger."""
    folder, rng, files = tmp_path_factory.mktemp("pictures"), np.random.default_rng(6), []
    for item in range(ITEMS):
        noise = rng.integers(0, 200, (20, 20, 3))
        noise[:, :, 2 * (item % 2)] += 50
        files.append(str(folder / f"{item}.png"))
        Image.fromarray(noise.astype(np.uint8)).save(files[-1])
    return pl.DataFrame({"image_file": files})


def vectors() -> pl.DataFrame:
    rng = np.random.default_rng(7)
    signs = 1 - 2 * (np.arange(ITEMS) % 2)
    made = rng.normal(size=(ITEMS, 4))
    made[:, 1] = 2 * signs
    return pl.DataFrame({"image_vector": made.tolist()})


def trained(images: pl.DataFrame, epochs: int = 15, **settings: object) -> TwoTowerModel:
    chosen = FAMILY.settings.model_validate(SMALL | {"image_size": 16} | settings)
    model = FAMILY.make(chosen, histories(), Catalogue(ITEMS, pl.DataFrame(), images), 1, "cpu")
    assert isinstance(model, TwoTowerModel)
    for _ in range(epochs):
        model.run_epoch()
    return model


def assert_new_items_go_to_those_who_like_them(model: TwoTowerModel) -> None:
    new = model.score(np.arange(USERS))[:, KNOWN:]
    for kind in (0, 1):
        mine, others = new[kind::2][:, kind::2], new[kind::2][:, 1 - kind :: 2]
        assert (mine.min(axis=1) > others.max(axis=1)).all()


def test_vectors_of_images_place_new_items() -> None:
    assert_new_items_go_to_those_who_like_them(trained(vectors()))


@pytest.mark.parametrize("per_step", [256, 5])
def test_pictures_place_new_items_though_a_step_learns_from_few(pictures: pl.DataFrame, per_step: int) -> None:
    assert_new_items_go_to_those_who_like_them(trained(pictures, images_per_step=per_step))


def test_without_images_there_is_nothing_to_tell_new_items_by() -> None:
    with pytest.raises(DataError, match="nothing but their ids is known"):
        trained(pl.DataFrame())


def test_it_goes_on_from_its_state_to_the_bit(pictures: pl.DataFrame) -> None:
    images = pl.concat([pictures, vectors()], how="horizontal")
    straight, first, second = (trained(images, epochs, images_per_step=5) for epochs in (2, 1, 0))
    second.restore(first.state())
    second.run_epoch()
    np.testing.assert_array_equal(second.score(np.arange(USERS)), straight.score(np.arange(USERS)))


def test_an_heir_sees_images_as_its_predecessor_did(pictures: pl.DataFrame) -> None:
    model = trained(pictures)
    serving = model.serving()
    assert serving.learned is not None
    predecessor = Predecessor(
        np.full(ITEMS, -1),
        np.full(USERS, -1),
        serving.item_vectors,
        serving.user_vectors,
        settings=SMALL,
        weights=serving.learned.weights,
        facts=serving.learned.facts,
    )
    heir = trained(pictures, 0)
    heir.inherit(predecessor)
    # Without any training, every item by its picture alone: those of a colour are alike.
    items = heir.serving().item_vectors
    items = items - items.mean(axis=0)
    alike = items @ items.T
    assert alike[0::2, 0::2].min() > alike[0::2, 1::2].max()
    other = trained(vectors(), 0)
    with pytest.raises(ConfigurationError, match="has not learned from items' image_vector, and these items have them"):
        other.inherit(predecessor)


def test_the_pictures_of_a_step_are_what_the_network_makes_of_them_now() -> None:
    torch.manual_seed(1)
    tower = PictureTower(torch.randint(0, 256, (6, 3, 8, 8), dtype=torch.uint8), 4, per_step=2)
    tower.refresh()
    kept = tower.made.clone()
    with torch.no_grad():
        tower.layers[-1].bias.add_(1.0)
    tower.train()
    made = tower(torch.arange(6))
    fresh = torch.isclose(made, kept + 1, atol=1e-5).all(1)
    assert fresh.sum() == 2
    torch.testing.assert_close(made[~fresh], kept[~fresh])
    torch.testing.assert_close(tower.eval()(torch.arange(6)), made.detach())
    assert made.requires_grad


def test_images_take_memory(pictures: pl.DataFrame) -> None:
    assert FAMILY.image_bytes is not None
    settings = FAMILY.settings()
    none, some = (
        FAMILY.image_bytes(settings, Catalogue(ITEMS, images=images)) for images in (pl.DataFrame(), pictures)
    )
    assert none == 0
    assert some > ITEMS * 64 * 64 * 3
    assert FAMILY.image_bytes(settings, Catalogue(ITEMS, images=vectors())) == ITEMS * 4 * 8
