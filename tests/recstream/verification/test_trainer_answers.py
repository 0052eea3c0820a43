"""The file of the trainer's own answers."""

from pathlib import Path

import pytest

from recstream.errors import BundleError
from recstream.verification import FILE, TrainerAnswers, UserAnswer

ANSWERS = TrainerAnswers((UserAnswer("ключ", ("a", "b"), (2.5, -1.0)), UserAnswer("u", (), ())))


def test_answers_come_back_as_they_were_written(tmp_path: Path) -> None:
    assert TrainerAnswers.of_bundle(tmp_path) is None
    (tmp_path / FILE).write_bytes(ANSWERS.to_bytes())
    assert TrainerAnswers.of_bundle(tmp_path) == ANSWERS


@pytest.mark.parametrize(
    "text",
    [
        '{"users": 3}',
        '{"users": "u"}',
        "{}",
        '{"users": [3]}',
        '{"users": [{"user_id": "u", "item_ids": ["a"]}]}',
        '{"users": [{"user_id": "u", "item_ids": ["a"], "scores": []}]}',
        '{"users": [{"user_id": "u", "item_ids": [1], "scores": [1]}]}',
        '{"users": [{"user_id": "u", "item_ids": ["a"], "scores": ["1"]}]}',
        '{"users": [{"user_id": 1, "item_ids": [], "scores": []}]}',
    ],
)
def test_other_content_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(BundleError, match=r"verification\.json"):
        TrainerAnswers.of_bundle(tmp_path)
