import numpy as np
import pytest
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue, load_family
from recstream_trainer.models.neighbour_model import user_item_matrix
from recstream_trainer.models.user_knn import profiles


@pytest.mark.parametrize("weighting", ["none", "tfidf"])
def test_matches_are_cosines_of_weighed_histories(interactions: Interactions, weighting: str) -> None:
    matrix = user_item_matrix(interactions, 20)
    dense = matrix.toarray()
    owners = np.maximum((dense > 0).sum(axis=0), 1)
    weighed = dense * (np.log(30 / owners) + 1 if weighting == "tfidf" else 1)
    lengths = np.linalg.norm(weighed, axis=1)
    lengths[lengths == 0] = 1
    cosines = weighed @ weighed.T / np.outer(lengths, lengths)
    found = dense @ profiles(matrix, weighting).toarray().T / lengths[:, None]
    np.testing.assert_allclose(found, cosines, atol=1e-12)


def test_the_most_similar_users_vote_with_what_they_had(interactions: Interactions) -> None:
    family = load_family("user_knn")
    settings = family.settings.model_validate({"weighting": "none", "neighbours": 3})
    model = family.make(settings, interactions, Catalogue(20), 1, "cpu")
    model.run_epoch()
    dense = user_item_matrix(interactions, 20).toarray()
    similarity = dense @ profiles(user_item_matrix(interactions, 20), "none").toarray().T
    for user in (0, 7):
        best = np.argsort(-similarity[user], kind="stable")[:3]
        np.testing.assert_allclose(model.score(np.array([user]))[0], similarity[user][best] @ dense[best], rtol=1e-5)
