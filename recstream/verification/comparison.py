"""Asks a server about users whose answers are known, and compares."""

import secrets
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from recstream.bundle import Bundle
from recstream.bundle.onnx_runner import History
from recstream.client import Client
from recstream.v1 import types_pb2 as types
from recstream.v1.recommendation_service_pb2 import RecommendItemsResponse
from recstream.verification.expected_scores import ExpectedScores
from recstream.verification.trainer_answers import TrainerAnswers, UserAnswer

_EVENT_TYPE: Final = "click"
_WEIGHT: Final = 1.0
"""Of a click, in the default table of event types."""
_LONGEST: Final = 30


@dataclass
class Comparison:
    """What came of a verification.

    Attributes
    ----------
    compared : dict of str to int
        Users compared, by what they were compared with.
    skipped : int
        Known users who have live events on that server, so that the trainer's answer is not theirs any more.
    largest_difference : float
        Of two scores, relative to the largest score of the list.
    problems : list of str
        A line for each user whose answer is wrong; empty when the server is right.
    """

    compared: dict[str, int] = field(default_factory=dict)
    skipped: int = 0
    largest_difference: float = 0.0
    problems: list[str] = field(default_factory=list)


def verify(
    client: Client, bundle: Bundle, *, users: int, tolerance: float, write_events: bool = True, seed: int = 1
) -> Comparison:
    """Compare a server's answers with those of the trainer, where the bundle keeps them, and of the bundle's numbers.

    Asked are known users; known and unknown users with `recent_events`; and, if events may be written, users that
    nobody else has (``verify-...``), with the server's default event types.

    Parameters
    ----------
    users : int
        How many of each sort.
    tolerance : float
        Largest difference of two scores, as a share of the largest score in the list; items may change places within
        it.

    Raises
    ------
    RecstreamError
        The server does not answer.
    """
    return _Verification(client, bundle, tolerance, seed).run(users, write_events=write_events)


class _Verification:
    def __init__(self, client: Client, bundle: Bundle, tolerance: float, seed: int) -> None:
        self._client = client
        self._bundle = bundle
        self._tolerance = tolerance
        self._random = np.random.default_rng(seed)
        self._expected = ExpectedScores(bundle)
        self._item_ids = bundle.item_ids.to_list()
        self._user_ids = bundle.user_ids.to_list()
        self._row_of = {item_id: row for row, item_id in enumerate(self._item_ids)}
        self._result = Comparison()

    def run(self, users: int, *, write_events: bool) -> Comparison:
        self._check_model()
        answers = TrainerAnswers.of_bundle(self._bundle.path)
        for answer in answers.users[:users] if answers else ():
            self._compare_with_trainer(answer)
        for user in self._some_users(users):
            self._compare_stored(user)
            self._compare_recent(self._user_ids[user], self._expected.history(user))
        nothing = History(np.zeros(0, np.int64), np.zeros(0, np.float32), np.zeros(0, np.int64))
        for number in range(users):
            self._compare_recent(f"verify-nobody-{number}", nothing)
        if write_events:
            for _ in range(users):
                self._compare_written(f"verify-{secrets.token_hex(8)}", nothing)
        return self._result

    def _check_model(self) -> None:
        served = {(model.version.name, model.version.version) for model in self._client.list_models()}
        manifest = self._bundle.manifest
        if (manifest.name, manifest.version) not in served:
            found = ", ".join(f"{name} {version}" for name, version in sorted(served))
            self._result.problems.append(f"the server serves {found}, not {manifest.name} {manifest.version}")

    def _some_users(self, users: int) -> Iterator[int]:
        heard = [user for user in range(len(self._user_ids)) if (self._expected.history(user).weights > 0).any()]
        yield from self._random.permutation(heard)[:users].tolist()

    def _compare_with_trainer(self, answer: UserAnswer) -> None:
        response = self._client.recommend_items(answer.user_id, page_size=max(len(answer.item_ids), 1))
        if response.state_version:
            self._result.skipped += 1
            return
        wanted = dict(zip(answer.item_ids, answer.scores, strict=True))
        scores = np.array(answer.scores)
        served = [(found.item_id, found.score) for found in response.recommendations][: len(scores)]
        theirs = [wanted.get(item_id, score) for item_id, score in served]
        self._judge("the trainer", answer.user_id, served, np.array(theirs), scores)

    def _compare_stored(self, user: int) -> None:
        user_id = self._user_ids[user]
        response = self._client.recommend_items(user_id)
        if not response.state_version:
            scores = self._expected.stored(user)
            self._compare("the bundle", user_id, response, scores, self._expected.history(user))

    def _compare_recent(self, user_id: str, before: History) -> None:
        events, history = self._clicks(before)
        response = self._client.recommend_items(user_id, recent_events=events)
        if not response.state_version:
            self._compare("recent events", user_id, response, self._expected.live(history), history)

    def _compare_written(self, user_id: str, before: History) -> None:
        events, history = self._clicks(before)
        for event in events:
            self._client.write_user_event(
                user_id=user_id,
                item_id=event.item_id,
                event_type=event.event_type,
                event_time=datetime.fromtimestamp(event.event_time.seconds, UTC),
            )
        response = self._client.recommend_items(user_id)
        self._compare("live events", user_id, response, self._expected.live(history), history)

    def _clicks(self, before: History) -> tuple[list[types.UserEvent], History]:
        """Clicks on items that are not in a history, and the history with them."""
        fresh = np.setdiff1d(np.arange(len(self._item_ids)), before.rows)
        count = min(int(self._random.integers(1, _LONGEST + 1)), max(len(fresh) // 2, 1), len(fresh))
        rows = self._random.permutation(fresh)[:count].astype(np.int64)
        times = int(time.time()) + np.arange(count, dtype=np.int64)
        events = [types.UserEvent(item_id=self._item_ids[row], event_type=_EVENT_TYPE) for row in rows]
        for event, seconds in zip(events, times, strict=True):
            event.event_time.seconds = int(seconds)
        together = History(
            np.concatenate([before.rows, rows]),
            np.concatenate([before.weights, np.full(count, _WEIGHT, np.float32)]),
            np.concatenate([before.times, times]),
        )
        return events, together

    def _compare(
        self,
        what: str,
        user_id: str,
        response: RecommendItemsResponse,
        scores: NDArray[np.float64] | None,
        history: History,
    ) -> None:
        served = [(found.item_id, found.score) for found in response.recommendations]
        if scores is None:
            return
        eligible = np.delete(scores, np.unique(history.rows))
        best = np.sort(eligible)[::-1][: len(served)]
        if self._bundle.neighbours is not None:
            # Items that nothing speaks for follow by popularity.
            best = best[best > 0]
        served = served[: len(best)]
        rows = [self._row_of.get(item_id, -1) for item_id, _ in served]
        if -1 in rows or np.isin(rows, history.rows).any():
            self._result.problems.append(f"{user_id} ({what}): was recommended an item that is seen or unknown")
            return
        self._judge(what, user_id, served, scores[rows], best)

    def _judge(
        self,
        what: str,
        user_id: str,
        served: Sequence[tuple[str, float]],
        theirs: NDArray[np.float64],
        best: NDArray[np.float64],
    ) -> None:
        """Compare the scores served, those that the items should have, and those that the places should have."""
        self._result.compared[what] = self._result.compared.get(what, 0) + 1
        if len(served) != len(best):
            self._result.problems.append(f"{user_id} ({what}): {len(served)} items, {len(best)} expected")
            return
        if not len(best):
            return
        scores = np.array([score for _, score in served])
        differences = np.maximum(np.abs(scores - theirs), np.abs(scores - best)) / max(np.abs(best).max(), 1e-30)
        place = int(np.argmax(differences))
        self._result.largest_difference = max(self._result.largest_difference, float(differences[place]))
        if not differences[place] <= self._tolerance:
            self._result.problems.append(
                f"{user_id} ({what}): place {place + 1} is {served[place][0]} with {scores[place]:.6g}; "
                f"the item should have {theirs[place]:.6g}, the place {best[place]:.6g}"
            )
