"""The scores that follow from a bundle's files, in NumPy: what a server that is right must answer."""

import numpy as np
from numpy.typing import NDArray

from recstream.bundle import AlsFoldIn, Bundle, Constant, DecayedPooling, OnnxEncoder
from recstream.bundle.encoder import UserNeighbours
from recstream.bundle.onnx_runner import History, OnnxRunner, select_history


class ExpectedScores:
    """Scores of all items by a bundle's own numbers, float64 (N,); None where popularity is the answer.

    Independent of the native core; the only code in common with the server is what feeds an ONNX graph.

    Parameters
    ----------
    bundle : Bundle
    """

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._items = bundle.item_vectors.astype(np.float64) if bundle.neighbours is None else None
        self._runner: OnnxRunner | None = None
        if isinstance(bundle.encoder, OnnxEncoder) and bundle.onnx is not None:
            self._runner = OnnxRunner(bundle.onnx, bundle.encoder, item_count=bundle.manifest.item_count)

    def history(self, user: int) -> History:
        """What training knew of the user in a row of the bundle."""
        bundle = self._bundle
        part = slice(bundle.history_indptr[user], bundle.history_indptr[user + 1])
        rows = bundle.history_rows[part].astype(np.int64)
        known = bundle.history_times
        return History(
            rows, bundle.history_weights[part], np.zeros(len(rows), np.int64) if known is None else known[part]
        )

    def stored(self, user: int) -> NDArray[np.float64] | None:
        """For a user without live events."""
        if self._items is None:
            return self._by_neighbours(self.history(user))
        vector = self._bundle.user_vectors[user].astype(np.float64)
        return np.asarray(self._items @ vector)

    def live(self, history: History) -> NDArray[np.float64] | None:
        """For somebody whose history, of which something has a weight, ends with live events."""
        if self._items is None:
            return self._by_neighbours(history)
        vector = self._vector(history)
        return None if vector is None else np.asarray(self._items @ vector.astype(np.float32).astype(np.float64))

    def _vector(self, history: History) -> NDArray[np.float64] | None:
        encoder = self._bundle.encoder
        if isinstance(encoder, AlsFoldIn):
            return self._fold_in(encoder, history)
        if isinstance(encoder, DecayedPooling):
            return self._pool(encoder, history)
        if isinstance(encoder, Constant):
            return np.array(encoder.vector)
        if isinstance(encoder, OnnxEncoder) and self._runner is not None:
            heard = select_history(encoder, history)
            return self._runner.encode([heard])[0].astype(np.float64) if len(heard.rows) else None
        raise TypeError(f"no encoder of the kind {type(encoder).__name__} goes with vectors")

    def _fold_in(self, encoder: AlsFoldIn, history: History) -> NDArray[np.float64] | None:
        assert self._items is not None  # noqa: S101 - for mypy; `live` has looked
        weights = history.weights.astype(np.float64)
        if not (weights > 0).any():
            return None
        vectors = self._items[history.rows]
        count = np.count_nonzero(weights) + encoder.unobserved_weight * len(self._items)
        system = encoder.unobserved_weight * (self._items.T @ self._items)
        system += (vectors * np.abs(weights)[:, None]).T @ vectors
        system += encoder.regularization * count**encoder.regularization_exponent * np.eye(system.shape[0])
        return np.asarray(np.linalg.solve(system, np.maximum(weights, 0) @ vectors))

    def _pool(self, encoder: DecayedPooling, history: History) -> NDArray[np.float64] | None:
        assert self._items is not None  # noqa: S101 - as above
        ages = np.arange(len(history.rows))[::-1]
        weights = history.weights * 2.0 ** (-ages / encoder.half_life_events)
        total = np.abs(weights).sum()
        return None if total == 0 else np.asarray(weights @ self._items[history.rows] / total)

    def _by_neighbours(self, history: History) -> NDArray[np.float64]:
        matrix, encoder = self._bundle.neighbours, self._bundle.encoder
        assert matrix is not None  # noqa: S101 - as above
        count = self._bundle.manifest.item_count
        weight_of = np.zeros(count)
        weight_of[history.rows] = history.weights
        owners = np.repeat(np.arange(len(matrix.indptr) - 1), np.diff(matrix.indptr))
        values = matrix.weights.astype(np.float64)
        if not isinstance(encoder, UserNeighbours):
            return np.bincount(matrix.rows, weight_of[owners] * values, minlength=count).astype(np.float64)
        users = len(matrix.indptr) - 1
        touched = np.zeros(count)
        touched[history.rows] = 1
        likeness = np.bincount(owners, weight_of[matrix.rows] * values, minlength=users)
        common = np.bincount(owners, touched[matrix.rows], minlength=users)
        likeness *= common / np.maximum(common + encoder.shrinkage, 1e-300)
        voters = np.lexsort((np.arange(users), -likeness))[: encoder.neighbours]
        strength = np.zeros(users)
        strength[voters] = np.maximum(likeness[voters], 0)
        owners = np.repeat(np.arange(users), np.diff(self._bundle.history_indptr))
        votes = strength[owners] * self._bundle.history_weights
        return np.bincount(self._bundle.history_rows, votes, minlength=count).astype(np.float64)
