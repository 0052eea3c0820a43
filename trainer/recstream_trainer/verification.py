"""What the trainer itself would recommend to some users, for `recstream verify` to hold a server to."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from recstream.verification import FILE, TrainerAnswers, UserAnswer
from recstream_trainer.evaluation import Interactions, Split

_USERS, _ITEMS = 50, 20


def verification_files(
    score: Callable[[NDArray[np.int64]], NDArray[np.float32]], split: Split, history: Interactions, seed: int
) -> dict[str, bytes]:
    """The file `verification.json` with the best items of up to 50 users, by the model's own scores.

    Parameters
    ----------
    score : callable
        User codes (B,) to scores float32 (B, N): `Model.score`.
    history : Interactions
        What counts as seen. Only users with a preference in it are drawn: others have no vector of their own.
    seed : int
        Draws the users.
    """
    heard = np.unique(history.users[history.weights > 0])
    users = np.sort(np.random.default_rng(seed).permutation(heard)[:_USERS])
    if not len(users):
        return {}
    answers = [
        _answer(split, int(user), row, history.of(int(user))) for user, row in zip(users, score(users), strict=True)
    ]
    return {FILE: TrainerAnswers(tuple(answers)).to_bytes()}


def _answer(split: Split, user: int, scores: NDArray[np.float32], seen: NDArray[np.int32]) -> UserAnswer:
    eligible = scores.astype(np.float64)
    eligible[seen] = -np.inf
    best = np.argsort(-eligible, kind="stable")[:_ITEMS]
    # What a model of neighbours says nothing of has the score 0, and the server ranks it by popularity.
    end = next((place for place, item in enumerate(best) if eligible[item] in (0, -np.inf)), len(best))
    kept = best[:end].tolist()
    return UserAnswer(
        split.user_ids[user],
        tuple(split.item_ids[item] for item in kept),
        tuple(float(eligible[item]) for item in kept),
    )
