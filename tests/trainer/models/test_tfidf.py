"""Content against a plain count of shared words, and the server's own pooling."""

import numpy as np
import polars as pl
import pytest
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue, load_family
from recstream_trainer.models.pooled_model import PooledModel
from sklearn.feature_extraction.text import TfidfVectorizer

from recstream._core import UserEncoder
from recstream.bundle import DecayedPooling
from recstream.errors import DataError

GENRES = [["war"], ["war", "space"], ["space"], ["love"], ["love", "war"], ["space", "war"]]
FILMS = Catalogue(6, pl.DataFrame({"genres": GENRES, "note": [None, None, None, None, None, "unheard"]}))
FAMILY = load_family("tfidf")


@pytest.fixture
def taken() -> Interactions:
    """Film 5 is nobody's, and user 2 has nothing."""
    users, items = np.array([0, 0, 1, 1, 3]), np.array([0, 1, 3, 4, 2])
    return Interactions.from_rows(users, items, np.array([1.0, 0.5, 1, 1, 2]), 4)


def train(taken: Interactions, **settings: object) -> PooledModel:
    model = FAMILY.make(FAMILY.settings.model_validate(settings), taken, FILMS, 1, "cpu")
    assert isinstance(model, PooledModel)
    model.run_epoch()
    model.finish()
    return model


@pytest.mark.parametrize("weighting", ["tfidf", "counts"])
def test_items_are_as_alike_as_their_words(taken: Interactions, weighting: str) -> None:
    vectors = train(taken, weighting=weighting).serving().item_vectors
    words = TfidfVectorizer(analyzer=list, use_idf=weighting == "tfidf").fit(GENRES[:5]).transform(GENRES)
    np.testing.assert_allclose(vectors @ vectors.T, (words @ words.T).toarray(), atol=1e-6)


def test_a_new_item_is_for_those_who_like_its_words(taken: Interactions) -> None:
    scores = train(taken).score(np.arange(4))
    assert scores[0, 5] > scores[1, 5] > 0
    assert scores[3].argmax() == 2
    assert not scores[2].any()


def test_fewer_numbers_than_words_keep_the_main_directions(taken: Interactions) -> None:
    model = train(taken, dimension=2)
    vectors = model.serving().item_vectors
    assert vectors.shape == (6, 2)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(vectors, train(taken, dimension=2).serving().item_vectors)


def test_users_are_what_the_server_makes_of_their_history(taken: Interactions) -> None:
    model = train(taken)
    serving = model.serving()
    assert isinstance(serving.encoder, DecayedPooling)
    encoder = UserEncoder.decayed_pooling(serving.item_vectors, half_life_events=serving.encoder.half_life_events)
    for user in (0, 1, 3):
        entries = slice(taken.indptr[user], taken.indptr[user + 1])
        vector = encoder.encode(taken.items[entries].astype(np.int64), taken.weights[entries])
        np.testing.assert_allclose(serving.user_vectors[user], vector, atol=1e-6)
    np.testing.assert_allclose(serving.user_vectors[2], serving.user_vectors[[0, 1, 3]].mean(axis=0), rtol=1e-5)


def test_its_state_is_its_item_vectors(taken: Interactions) -> None:
    trained = train(taken)
    fresh = FAMILY.make(FAMILY.settings(), taken, FILMS, 1, "cpu")
    fresh.restore(trained.state())
    np.testing.assert_array_equal(fresh.score(np.arange(4)), trained.score(np.arange(4)))
    assert FAMILY.memory_bytes(FAMILY.settings(), 10, 10, 10) < FAMILY.memory_bytes(FAMILY.settings(), 99, 99, 99)


def test_items_without_a_word_in_common_are_refused(taken: Interactions) -> None:
    with pytest.raises(DataError, match=r"no word describes 4 items, .* lower model\.min_items"):
        train(taken, min_items=4)
