import numpy as np
import pytest
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue, load_family
from recstream_trainer.models.ease import MAX_ITEMS

from recstream.errors import ConfigurationError


def test_it_is_the_least_squares_solution(interactions: Interactions) -> None:
    """With the gradient: X'(X - XB) - lambda B is zero off the diagonal, where B is zero."""
    family = load_family("ease")
    model = family.make(family.settings(regularization=0.5, entries=20), interactions, Catalogue(20), 1, "cpu")
    loss = model.run_epoch()
    indptr, rows, weights = model.serving().neighbours or ()
    found = np.zeros((20, 20))
    found[np.repeat(np.arange(20), np.diff(indptr)), rows] = weights
    matrix = np.zeros((30, 20))
    matrix[interactions.users, interactions.items] = interactions.weights.astype(np.float64)
    gram = matrix.T @ matrix
    penalty = 0.5 * gram.diagonal().mean()
    gradient = gram - gram @ found - penalty * found
    np.fill_diagonal(gradient, 0)
    np.testing.assert_allclose(gradient, 0, atol=1e-4)
    assert loss > 0


def test_a_catalogue_too_large_is_refused_with_what_to_do(interactions: Interactions) -> None:
    family = load_family("ease")
    with pytest.raises(ConfigurationError, match=r"30,001 x 30,001 items.*raise data\.min_item_interactions"):
        family.make(family.settings(), interactions, Catalogue(MAX_ITEMS + 1), 1, "cpu")
