"""`verification.json`: what the trainer itself would recommend to some users, kept with the bundle."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from recstream.bundle.strict_json import JsonValue, parse_object
from recstream.errors import BundleError

FILE: Final = "verification.json"


@dataclass(frozen=True)
class UserAnswer:
    """The best items of one user by the trainer's own scores, without their history, best first."""

    user_id: str
    item_ids: tuple[str, ...]
    scores: tuple[float, ...]


@dataclass(frozen=True)
class TrainerAnswers:
    """The content of `verification.json`."""

    users: tuple[UserAnswer, ...]

    def to_bytes(self) -> bytes:
        """The file."""
        users = [
            {"user_id": user.user_id, "item_ids": list(user.item_ids), "scores": list(user.scores)}
            for user in self.users
        ]
        return json.dumps({"users": users}, ensure_ascii=False, indent=1).encode() + b"\n"

    @classmethod
    def of_bundle(cls, bundle: Path) -> "TrainerAnswers | None":
        """Read the file of a bundle that was loaded, whose checksums are right; None when the bundle has none.

        Raises
        ------
        BundleError
            The file does not hold what it should.
        """
        file = bundle / FILE
        if not file.is_file():
            return None
        users = parse_object(FILE, file.read_bytes()).get("users")
        if not isinstance(users, Sequence) or isinstance(users, str):
            raise BundleError(FILE, '"users" must be a list; export the bundle again')
        return cls(tuple(_user(user) for user in users))


def _user(value: JsonValue) -> UserAnswer:
    if isinstance(value, Mapping) and value.keys() == {"user_id", "item_ids", "scores"}:
        user_id, items, scores = value["user_id"], value["item_ids"], value["scores"]
        if isinstance(user_id, str) and isinstance(items, list) and isinstance(scores, list):
            texts = tuple(item for item in items if isinstance(item, str))
            numbers = tuple(float(score) for score in scores if isinstance(score, int | float))
            if len(texts) == len(items) == len(scores) == len(numbers):
                return UserAnswer(user_id, texts, numbers)
    raise BundleError(FILE, "a user must have user_id, item_ids and as many scores; export the bundle again")
