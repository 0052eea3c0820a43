"""Runs the encoder of a model whose vectors the engine cannot make itself: a neural one, in ONNX Runtime."""

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray

from recstream._core import Engine, NotEncodedError
from recstream.bundle.onnx_runner import History
from recstream.errors import UnavailableError
from recstream_server.queries import RecommendQuery
from recstream_server.settings import EncoderSettings

_LOGGER = structlog.get_logger(__name__)
_ATTEMPTS = 10
"""A user's state would have to change between two instructions as often as this, for a query to be refused."""

_Result = TypeVar("_Result")


class Encoder(Protocol):
    """What makes vectors; `recstream.bundle.onnx_runner.OnnxRunner` does."""

    def encode(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """Vectors (B, d) of B users; raises whatever it likes."""


class _Task(NamedTuple):
    user_id: str
    session_id: str
    state_version: int
    history: History


class UserEncoding:
    """Encodes users: all that a commit changed, together; and one at a query where that has not been done.

    Safe to use from many threads.

    Parameters
    ----------
    engine : Engine
        With an encoder outside of the core.
    encoder : Encoder
    settings : EncoderSettings
    count : callable
        Given ``event`` or ``query``, ``ok`` or ``failed``, and a number of users after each run.
    """

    def __init__(
        self,
        engine: Engine,
        encoder: Encoder,
        settings: EncoderSettings,
        count: Callable[[str, str, int], None] = lambda _when, _result, _users: None,
    ) -> None:
        self._engine = engine
        self._encoder = encoder
        self._settings = settings
        self._count = count

    def encode_changed(self, pairs: Collection[tuple[str, str]]) -> None:
        """Leave vectors in the engine for the users (user_id, session_id) that events changed.

        A session of a known user gets none: answers take the user's. What fails is logged, and left to the queries, as
        are users beyond `EncoderSettings.users_per_commit`.
        """
        subjects = list(dict.fromkeys((user_id, "" if user_id else session_id) for user_id, session_id in pairs))
        tasks = [
            _Task(user_id, session_id, told[0], History(*told[1:]))
            for user_id, session_id in subjects[: self._settings.users_per_commit]
            if (told := self._engine.unencoded(user_id=user_id, session_id=session_id)) is not None
        ]
        # Neighbours of like length need little padding.
        tasks.sort(key=lambda task: len(task.history.rows))
        for start in range(0, len(tasks), self._settings.batch_users):
            self._encode_batch(tasks[start : start + self._settings.batch_users])

    def _encode_batch(self, tasks: list[_Task]) -> None:
        try:
            vectors = self._encoder.encode([task.history for task in tasks])
        except Exception:  # those of ONNX Runtime have no class in common
            self._count("event", "failed", len(tasks))
            _LOGGER.exception("users_not_encoded", users=len(tasks))
            return
        finite = np.isfinite(vectors).all(axis=1)
        for task, vector in zip(tasks, vectors, strict=True):
            if np.isfinite(vector).all():
                self._engine.user_vector(
                    user_id=task.user_id, session_id=task.session_id, encoded=(task.state_version, vector)
                )
        self._count("event", "ok", int(finite.sum()))
        if not finite.all():
            self._count("event", "failed", int((~finite).sum()))
            _LOGGER.error("users_not_encoded", users=int((~finite).sum()), problem="vectors that are not finite")

    def answer(self, query: RecommendQuery, ask: Callable[[RecommendQuery], _Result]) -> _Result:
        """Encode whom a query is about, and ask with the vector.

        Raises
        ------
        UnavailableError
            ``ENCODER_FAILED``: the encoder makes no vector of this user's history.
        """
        for _ in range(_ATTEMPTS):
            told = self._engine.unencoded(
                user_id=query.user_id, session_id=query.session_id, recent_events=query.recent_events
            )
            encoded = None if told is None else (told[0], self._encode_one(History(*told[1:])))
            try:
                return ask(query._replace(encoded=encoded))
            except NotEncodedError:  # an event came in between
                continue
        raise UnavailableError("user_id: this user's events come faster than they are encoded; try again later")

    def _encode_one(self, history: History) -> NDArray[np.float32]:
        problem: Any = "a vector that is not finite"
        try:
            vector: NDArray[np.float32] = self._encoder.encode([history])[0]
            if np.isfinite(vector).all():
                self._count("query", "ok", 1)
                return vector
        except Exception as error:  # noqa: BLE001 - those of ONNX Runtime have no class in common
            problem = str(error)[:500]
        self._count("query", "failed", 1)
        _LOGGER.error("users_not_encoded", users=1, problem=problem)
        raise UnavailableError(
            "user_id: the model's encoder fails on this history; see the server's log", reason="ENCODER_FAILED"
        )
