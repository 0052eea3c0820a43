"""Words of two worlds, and the families that learn from them."""

import os
import subprocess
import sys

import numpy as np
import polars as pl
import pytest
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue, load_family
from recstream_trainer.models.pooled_model import PooledModel
from recstream_trainer.models.skip_gram import centred, word_vectors

from recstream.errors import DataError

WORLDS = (["war", "tank", "siege", "army"], ["love", "kiss", "heart", "date"])


def sentences(count: int = 200) -> list[list[str]]:
    rng = np.random.default_rng(0)
    return [rng.permutation(WORLDS[place % 2])[:3].tolist() for place in range(count)]


def test_words_of_the_same_sentences_are_alike() -> None:
    rows, vectors = word_vectors(sentences(1000), dimension=8, window=5, min_count=2, epochs=40, seed=1)
    assert sorted(rows) == sorted(word for world in WORLDS for word in world)
    unit = centred(vectors, np.ones(len(vectors), dtype=np.bool_))
    first, second = (unit[[rows[word] for word in world]] for world in WORLDS)
    assert (first @ first.T).mean() > (first @ second.T).mean() + 0.3


def test_the_salt_of_hashes_has_no_say() -> None:
    code = (
        "from recstream_trainer.models.skip_gram import word_vectors\n"
        "words = [['a', 'b', 'c'], ['b', 'c', 'd']] * 9\n"
        "print(word_vectors(words, dimension=4, window=2, min_count=1, epochs=2, seed=3)[1].tolist())"
    )
    run = [sys.executable, "-c", code]
    salted = os.environ | {"PYTHONHASHSEED": "7"}
    found = subprocess.run(run, env=salted, capture_output=True, text=True, check=True, timeout=110).stdout
    words = [["a", "b", "c"], ["b", "c", "d"]] * 9
    _, here = word_vectors(words, dimension=4, window=2, min_count=1, epochs=2, seed=3)
    assert found.strip() == str(here.tolist())


def test_long_sentences_are_read_to_their_end() -> None:
    rows, _ = word_vectors([["a"] * 10_000 + ["b"] * 3], dimension=2, window=1, min_count=3, epochs=1, seed=1)
    assert sorted(rows) == ["a", "b"]


def test_nothing_known_of_an_item_stays_nothing() -> None:
    vectors = np.array([[1, 2], [3, 2], [0, 0]], dtype=np.float32)
    np.testing.assert_allclose(centred(vectors, np.array([True, True, False])), [[-1, 0], [1, 0], [0, 0]])


def model(name: str, train: Interactions, catalogue: Catalogue, **settings: object) -> PooledModel:
    family = load_family(name)
    made = family.make(family.settings.model_validate({"dimension": 8} | settings), train, catalogue, 1, "cpu")
    assert isinstance(made, PooledModel)
    made.run_epoch()
    made.finish()
    assert family.single_pass
    assert 0 < family.memory_bytes(family.settings(), 9, 9, 9) < family.memory_bytes(family.settings(), 99, 99, 99)
    return made


def test_word2vec_finds_the_new_item_of_a_kind() -> None:
    titles = [" ".join(words) for words in sentences(60)]
    catalogue = Catalogue(62, pl.DataFrame({"title": [*titles, "army date siege tank", "nothing like it"]}))
    fans = np.repeat([0, 1], 30)
    train = Interactions.from_rows(fans, np.concatenate([np.arange(0, 60, 2), np.arange(1, 60, 2)]), None, 2)
    made = model("word2vec", train, catalogue)
    scores = made.score(np.arange(2))
    assert scores[0, 60] > 0 > scores[1, 60]
    assert not scores[:, 61].any()
    again = model("word2vec", train, catalogue)
    np.testing.assert_array_equal(again.score(np.arange(2)), scores)


def test_word2vec_needs_words_that_come_again() -> None:
    train = Interactions.from_rows(np.array([0, 0]), np.array([0, 1]), None, 1)
    with pytest.raises(DataError, match=r"no word is used 2 times; lower model\.min_items"):
        model("word2vec", train, Catalogue(2, pl.DataFrame({"title": ["a", "b"]})))


def test_item2vec_keeps_communities_apart(communities: Interactions) -> None:
    scores = model("item2vec", communities, Catalogue(11), epochs=100).score(np.arange(20))
    inside = scores[:10, :5], scores[10:, 5:10]
    outside = scores[:10, 5:10], scores[10:, :5]
    assert min(part.min() for part in inside) > max(part.max() for part in outside)
    assert not scores[:, 10].any()


def test_item2vec_needs_neighbours() -> None:
    train = Interactions.from_rows(np.array([0, 1]), np.array([0, 1]), None, 2)
    with pytest.raises(DataError, match="nobody has two interactions"):
        model("item2vec", train, Catalogue(2))
