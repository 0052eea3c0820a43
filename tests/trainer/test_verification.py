"""What the trainer would recommend, as the bundle keeps it."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from recstream_trainer.evaluation import Interactions, Split
from recstream_trainer.verification import verification_files

from recstream.verification import FILE, TrainerAnswers, UserAnswer

SCORES = np.array([[1, 2, 3, 4], [9, 0, 7, 8], [5, 5, 5, 5]], np.float32)


def score(users: NDArray[np.int64]) -> NDArray[np.float32]:
    return SCORES[users]


def test_the_best_unseen_items_of_users_with_preferences(tmp_path: Path) -> None:
    none = Interactions.from_rows(np.zeros(0, int), np.zeros(0, int), None, 3)
    history = Interactions.from_rows(np.array([0, 1, 2]), np.array([3, 2, 0]), np.array([1.0, 1.0, 0.0]), 3)
    codes = np.arange(3)
    ids = ["a", "b", "c"]
    parts = Split(None, 1, history, none, none, ids, ["i0", "i1", "i2", "i3"], codes, np.arange(4), "train")
    files = verification_files(score, parts, history, 1)
    (tmp_path / FILE).write_bytes(files[FILE])
    assert TrainerAnswers.of_bundle(tmp_path) == TrainerAnswers(
        (UserAnswer("a", ("i2", "i1", "i0"), (3, 2, 1)), UserAnswer("b", ("i0", "i3"), (9, 8)))
    )
    assert verification_files(score, parts, none, 1) == {}
