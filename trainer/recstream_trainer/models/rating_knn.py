"""Ratings predicted from the most similar users or items, as the kNN models of Surprise define it."""

from collections.abc import Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field
from scipy.sparse import csc_array, csr_array

from recstream_trainer.evaluation.rating_accuracy import Ratings
from recstream_trainer.models.model import FamilySettings

_BLOCK_CELLS = 1 << 24
"""Similarities that are held at a time: 128 MiB."""
_BASELINE_EPOCHS = 10
_USER_PENALTY, _ITEM_PENALTY = 15.0, 10.0

RatingSimilarity = Literal["msd", "cosine", "pearson"]
Centre = Literal["none", "means", "baselines"]


class RatingKnnSettings(FamilySettings):
    """Settings of rating prediction by kNN, which only protocol B asks for."""

    rating_similarity: RatingSimilarity = Field(
        default="msd", description="of ratings in common: 1 / (1 + mean squared difference), cosine or pearson"
    )
    rating_centre: Centre = Field(
        default="means", description="what neighbours' ratings deviate from: none, means, or baselines"
    )
    rating_neighbours: int = Field(default=40, ge=1, description="most similar ones that a rating is predicted from")


class KnnRatings:
    """A `RatingPredictor`: ``c(a, t) + sum of s(a, b) (r(b, t) - c(b, t)) / sum of s(a, b)``.

    Over the most similar b who rated t (by users; by items it is the items b that t rated), with s above 0. The centre
    c is 0, the mean of b's ratings, or the baseline mean + b_u + b_i. What was not in training gets the mean of all.

    Parameters
    ----------
    settings : RatingKnnSettings
    ratings : Ratings
    by : {"users", "items"}
        Which of them are compared.
    """

    def __init__(self, settings: RatingKnnSettings, ratings: Ratings, by: Literal["users", "items"]) -> None:
        self._settings = settings
        self._by = by
        counts = ratings.user_count, ratings.item_count
        places = ratings.users, ratings.items
        if by == "items":
            counts, places = counts[::-1], places[::-1]
        self._rows = csr_array((ratings.values.astype(np.float64), places), shape=counts)
        self._columns = csc_array(self._rows)
        self._mean = float(ratings.values.mean(dtype=np.float64))
        self._row_offsets, self._column_offsets = self._centres()

    def _centres(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Two parts of the centre: that of the compared side, with the mean in it, and that of the other side."""
        rows, columns = self._rows.shape
        if self._settings.rating_centre == "none":
            return np.zeros(rows), np.zeros(columns)
        if self._settings.rating_centre == "means":
            counts = np.diff(self._rows.indptr)
            sums = np.asarray(self._rows.sum(axis=1)).ravel()
            return np.divide(sums, counts, out=np.full(rows, self._mean), where=counts > 0), np.zeros(columns)
        by_users = self._by == "users"
        users, items = baselines(self._rows if by_users else csr_array(self._rows.T), self._mean)
        return (users if by_users else items) + self._mean, items if by_users else users

    def predict(self, users: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.float64]:
        """See `RatingPredictor`."""
        anchors, targets = (users, items) if self._by == "users" else (items, users)
        predicted = np.full(len(anchors), self._mean)
        known = (np.diff(self._rows.indptr)[anchors] > 0) & (np.diff(self._columns.indptr)[targets] > 0)
        for pairs, similarities, places in self._blocks(anchors, np.flatnonzero(known)):
            for some in _by_target(pairs, targets):
                predicted[pairs[some]] = self._of_target(
                    int(targets[pairs[some[0]]]), similarities[places[some]], anchors[pairs[some]]
                )
        return predicted

    def _blocks(
        self, anchors: NDArray[np.int64], pairs: NDArray[np.int64]
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]]:
        """Pairs of some anchors at a time, with these anchors' similarities and each pair's row among them."""
        distinct = np.unique(anchors[pairs])
        step = max(1, _BLOCK_CELLS // self._rows.shape[0])
        for first in range(0, len(distinct), step):
            block = distinct[first : first + step]
            mine = pairs[(anchors[pairs] >= block[0]) & (anchors[pairs] <= block[-1])]
            yield mine, self._similarities(block), np.searchsorted(block, anchors[mine])

    def _of_target(
        self, target: int, similarities: NDArray[np.float64], anchors: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        entries = slice(self._columns.indptr[target], self._columns.indptr[target + 1])
        others, values = self._columns.indices[entries], self._columns.data[entries]
        offset = self._column_offsets[target]
        deviations = values - self._row_offsets[others] - offset
        near = similarities[:, others]
        if len(others) > self._settings.rating_neighbours:
            best = np.argpartition(-near, self._settings.rating_neighbours - 1, axis=1)
            best = best[:, : self._settings.rating_neighbours]
            near, deviations = np.take_along_axis(near, best, axis=1), deviations[best]
        near = np.maximum(near, 0)
        weights = near.sum(axis=1)
        centre = self._row_offsets[anchors] + offset
        drift = np.divide((near * deviations).sum(axis=1), weights, out=np.zeros(len(near)), where=weights > 0)
        if self._settings.rating_centre == "none":
            return np.where(weights > 0, drift, self._mean)
        predicted: NDArray[np.float64] = centre + drift
        return predicted

    def _similarities(self, block: NDArray[np.int64]) -> NDArray[np.float64]:
        """Of some rows with all, over what both rated; 0 where that is nothing."""
        matrix = self._rows
        pattern = csr_array((np.ones_like(matrix.data), matrix.indices, matrix.indptr), shape=matrix.shape)
        squares = csr_array((matrix.data**2, matrix.indices, matrix.indptr), shape=matrix.shape)
        some, some_pattern, some_squares = matrix[block], pattern[block], squares[block]
        both = (some_pattern @ pattern.T).toarray()
        products = (some @ matrix.T).toarray()
        left, right = (some_squares @ pattern.T).toarray(), (some_pattern @ squares.T).toarray()
        shared = both > 0
        if self._settings.rating_similarity == "msd":
            both[~shared] = 1
            msd: NDArray[np.float64] = np.where(shared, 1 / ((left + right - 2 * products) / both + 1), 0)
            return msd
        if self._settings.rating_similarity == "pearson":
            mine, theirs = (some @ pattern.T).toarray(), (some_pattern @ matrix.T).toarray()
            products, left, right = both * products - mine * theirs, both * left - mine**2, both * right - theirs**2
        lengths = np.sqrt(np.maximum(left * right, 0))
        cosines: NDArray[np.float64] = np.divide(products, lengths, out=np.zeros_like(products), where=lengths > 1e-9)
        return cosines


def _by_target(pairs: NDArray[np.int64], targets: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Places of the pairs of each target."""
    order = np.argsort(targets[pairs], kind="stable")
    cuts = np.flatnonzero(np.diff(targets[pairs[order]])) + 1
    return [part for part in np.split(order, cuts) if len(part)]


def baselines(ratings: csr_array, mean: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Biases of users and items by alternating least squares (Koren 2010), as Surprise has them.

    Parameters
    ----------
    ratings : float64 (U, N)
    """
    users = np.repeat(np.arange(ratings.shape[0]), np.diff(ratings.indptr))
    items, values = ratings.indices, ratings.data - mean
    user_counts = np.bincount(users, minlength=ratings.shape[0])
    item_counts = np.bincount(items, minlength=ratings.shape[1])
    user_biases = np.zeros(ratings.shape[0])
    for _ in range(_BASELINE_EPOCHS):
        left = np.bincount(items, values - user_biases[users], minlength=ratings.shape[1])
        item_biases = left / (_ITEM_PENALTY + item_counts)
        left = np.bincount(users, values - item_biases[items], minlength=ratings.shape[0])
        user_biases = left / (_USER_PENALTY + user_counts)
    return user_biases, item_biases
