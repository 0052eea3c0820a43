"""Factor models of ratings, with biases: what `biased_mf` and `svdpp` share."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from recstream import _core
from recstream.bundle import AlsFoldIn
from recstream_trainer.evaluation import Interactions
from recstream_trainer.evaluation.rating_accuracy import Ratings
from recstream_trainer.models.catalogue import Catalogue
from recstream_trainer.models.model import Family, FamilySettings, Serving

_FOLD_IN_RATIO = 16.0
"""As `als`: confidence in all unseen pairs being unwanted, as a multiple of that in all seen."""


class RatingFactorSettings(FamilySettings):
    """Settings of models that are trained by SGD over ratings."""

    dimension: int = Field(default=100, ge=1, le=2046, description="numbers in a vector, without biases")
    epochs: int = Field(default=40, ge=1, description="passes over the ratings")
    learning_rate: float = Field(default=0.005, gt=0, description="length of a step")
    regularization: float = Field(default=0.06, ge=0, description="how strongly biases and vectors are kept short")
    initial_stdev: float = Field(default=0.1, gt=0, description="of each number in the first random vectors")


class RatingFactorModel:
    """See `recstream_trainer.models.Model`: mean + b_u + b_i + <q_i, p_u + |N(u)|^-1/2 sum over N(u) of y_j>.

    Parameters
    ----------
    train : Interactions
        With ratings for weights.
    implicit : bool
        Whether there are y, as in SVD++.
    """

    def __init__(
        self, settings: RatingFactorSettings, train: Interactions, item_count: int, seed: int, *, implicit: bool
    ) -> None:
        self._settings = settings
        self._train = train
        self._seed = seed
        rng = np.random.default_rng(seed)
        users, items, d = train.user_count, item_count, settings.dimension
        self._mean = float(train.weights.mean()) if len(train) else 0.0

        def vectors(known: NDArray[np.bool_]) -> NDArray[np.float32]:
            drawn = rng.normal(0, settings.initial_stdev, (len(known), d)).astype(np.float32)
            # Of what nobody rated, nothing is known but the mean.
            return drawn * known[:, None]

        rated = np.bincount(train.items, minlength=items) > 0
        self._state: dict[str, NDArray[Any]] = {
            "user_biases": np.zeros(users, np.float32),
            "item_biases": np.zeros(items, np.float32),
            "users": vectors(train.counts > 0),
            "items": vectors(rated),
            "epoch": np.array(0),
        }
        if implicit:
            self._state["implicit"] = vectors(rated)

    def run_epoch(self) -> float:
        """See `Model`; the loss is the RMSE over the pass."""
        state, settings = self._state, self._settings
        epoch = int(state["epoch"])
        order = np.random.default_rng((self._seed, epoch)).permutation(self._train.user_count).astype(np.int32)
        squares = _core.rating_epoch(
            (self._train.indptr, self._train.items, self._train.weights),
            order,
            mean=self._mean,
            user_biases=state["user_biases"],
            item_biases=state["item_biases"],
            users=state["users"],
            items=state["items"],
            implicit=state.get("implicit"),
            learning_rate=settings.learning_rate,
            regularization=settings.regularization,
        )
        state["epoch"] = np.array(epoch + 1)
        return float((squares / max(len(self._train), 1)) ** 0.5)

    def finish(self) -> None:
        """See `Model`; nothing is left to do."""

    def _whole_users(self) -> NDArray[np.float32]:
        """Vectors of the users with the sums of y in them, float32 (U, d)."""
        users: NDArray[np.float32] = self._state["users"]
        if "implicit" not in self._state:
            return users
        sums = np.zeros(users.shape)
        np.add.at(sums, self._train.users, self._state["implicit"][self._train.items])
        norms = 1 / np.sqrt(np.maximum(self._train.counts, 1))
        return (users + sums * norms[:, None]).astype(np.float32)

    def predict(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        """See `RatingPredictor`."""
        state = self._state
        products = np.einsum("nd,nd->n", self._whole_users()[users], state["items"][items], dtype=np.float64)
        predicted: NDArray[np.float64] = (
            self._mean + state["user_biases"][users] + state["item_biases"][items] + products
        )
        return predicted

    def score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """See `Model`: predicted ratings, not cut to the scale."""
        serving = self.serving()
        scores: NDArray[np.float32] = serving.user_vectors[users] @ serving.item_vectors.T
        return scores

    def state(self) -> dict[str, NDArray[Any]]:
        """See `Model`."""
        return {name: array.copy() for name, array in self._state.items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """See `Model`."""
        self._state = {name: array.copy() for name, array in state.items()}

    def serving(self) -> Serving:
        """See `Model`: items are ``(q_i, b_i, 1)``, users ``(p_u, 1, mean + b_u)``.

        With live events the server folds the user in as implicit ALS does: over these item vectors, biases among them.
        """
        state = self._state
        offsets, biases = self._mean + state["user_biases"][:, None], state["item_biases"][:, None]
        users = np.concatenate([self._whole_users(), np.ones_like(offsets), offsets], axis=1, dtype=np.float32)
        items = np.concatenate([state["items"], biases, np.ones_like(biases)], axis=1, dtype=np.float32)
        unobserved = _FOLD_IN_RATIO * len(self._train) / max(len(users) * len(items), 1)
        return Serving(users, items, AlsFoldIn(unobserved, 0.01, 1.0))


def rating_family(*, name: str, summary: str, settings: type[RatingFactorSettings], implicit: bool) -> Family:
    """A family of the shared training; `implicit` as in `RatingFactorModel`."""

    def make(
        chosen: RatingFactorSettings,
        train: Interactions,
        catalogue: Catalogue,
        seed: int,
        device: str,  # noqa: ARG001 - of the shape that families share
    ) -> RatingFactorModel:
        return RatingFactorModel(chosen, train, catalogue.item_count, seed, implicit=implicit)

    def rate(chosen: RatingFactorSettings, ratings: Ratings, seed: int) -> RatingFactorModel:
        train = Interactions.from_rows(ratings.users, ratings.items, ratings.values, ratings.user_count)
        model = RatingFactorModel(chosen, train, ratings.item_count, seed, implicit=implicit)
        for _ in range(chosen.epochs):
            model.run_epoch()
        return model

    return Family(
        name=name,
        summary=summary,
        settings=settings,
        make=make,
        memory_bytes=_memory_bytes,
        rate=rate,
        learns_ratings=True,
        quick={"dimension": 16, "epochs": 5},
    )


def _memory_bytes(settings: RatingFactorSettings, users: int, items: int, interactions: int) -> int:
    # Ratings by user; vectors, twice for items with y, and the copies of the best epoch and for serving.
    return interactions * 24 + 3 * (users + 2 * items) * (settings.dimension + 2) * 4
