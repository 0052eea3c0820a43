"""Engine against a plain Python fold of the same events, queried in between."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from recstream import _core

Event = tuple[int, str, str, str, float, bool]
Recent = tuple[str, float, bool]

USERS = st.sampled_from(["", "u0", "u1", "u2", "u3", "stranger", "x\0y"])
SESSIONS = st.sampled_from(["", "s0", "s1", "s2", "s3"])
# Few enough that events meet; "alien" ones are not in the catalogue.
ITEMS = st.sampled_from([f"i{row}" for row in range(12)] + ["i29", "alien0", "alien1"])
WEIGHTS = st.sampled_from([1.0, 1.0, 2.5, 0.0, -1.0, 0.1, 1e30])
RECENT = st.lists(st.tuples(ITEMS, WEIGHTS, st.booleans()), max_size=4)


@dataclass
class State:
    """What one user's or session's events add up to."""

    version: int = 0
    touched: dict[str, float] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def fold(self, version: int, item: str, weight: float, marks_seen: bool, max_history: int) -> None:
        self.version = version
        self.touched[item] = self.touched.pop(item, 0.0) + weight
        if len(self.touched) > max_history:
            del self.touched[next(iter(self.touched))]
        if marks_seen:
            self.seen.add(item)


class Oracle:
    """The engine, slowly."""

    def __init__(self, world: Any, exact_scores: Any, max_history: int, max_sessions: int) -> None:
        self.world = world
        self.exact_scores = exact_scores
        self.max_history = max_history
        self.max_sessions = max_sessions
        self.users: dict[str, State] = {}
        self.sessions: dict[str, State] = {}
        self.row = {item: row for row, item in enumerate(world.item_ids)}

    def apply(self, event: Event) -> None:
        version, user, session, item, weight, marks_seen = event
        for states, key in ((self.users, user), (self.sessions, session)):
            if key:
                states.setdefault(key, State()).fold(version, item, weight, marks_seen, self.max_history)
        if len(self.sessions) > self.max_sessions:
            del self.sessions[min(self.sessions, key=lambda key: self.sessions[key].version)]

    def base(self, user: str) -> list[tuple[int, float]]:
        if user not in self.world.user_ids:
            return []
        number = self.world.user_ids.index(user)
        part = slice(self.world.pointers[number], self.world.pointers[number + 1])
        return list(zip(self.world.history_rows[part].tolist(), self.world.history_weights[part].tolist(), strict=True))

    def encode(self, base: list[tuple[int, float]], state: State, recent: list[Recent]) -> np.ndarray | None:
        live = [(item, weight) for item, weight in state.touched.items() if item in self.row]
        fresh = [(item, weight) for item, weight, _ in recent if item in self.row]
        if not any(weight for _, weight in live + fresh):
            return None
        merged: dict[int, float] = {}
        for row, weight in base + [(self.row[item], weight) for item, weight in live + fresh]:
            merged[row] = merged.pop(row, 0.0) + weight
        latest = list(merged.items())[-self.max_history :]
        rows = np.array([row for row, _ in latest], np.int64)
        return self.world.encoder.encode(rows, np.array([weight for _, weight in latest], np.float32))

    def profile(self, user: str, session: str, recent: list[Recent]) -> tuple[np.ndarray | None, int, int, set[int]]:
        """Vector, fallback, state_version, seen rows."""
        mine = self.users.get(user, State())
        visit = self.sessions.get(session, State())
        seen = mine.seen | visit.seen | {item for item, _, marks in recent if marks}
        rows = {self.row[item] for item in seen if item in self.row} | {row for row, _ in self.base(user)}
        version = max(mine.version, visit.version)
        if user in self.users or user in self.world.user_ids:
            vector = self.encode(self.base(user), mine, recent)
            if vector is None and user in self.world.user_ids:
                vector = self.world.user_vectors[self.world.user_ids.index(user)]
            if vector is not None:
                return vector, _core.FALLBACK_NONE, version, rows
        vector = self.encode([], visit, recent)
        if vector is not None:
            return vector, _core.FALLBACK_SESSION, version, rows
        return None, _core.FALLBACK_POPULAR, version, rows

    def recommend(
        self,
        *,
        user: str,
        session: str,
        recent: list[Recent],
        k: int,
        candidates: list[str] | None,
        exclude: list[str],
        exclude_seen: bool,
    ) -> tuple[list[int], list[float], int, int, list[str]]:
        vector, fallback, version, seen = self.profile(user, session, recent)
        gone = {self.row[item] for item in exclude if item in self.row} | (seen if exclude_seen else set())
        asked = self.world.item_ids if candidates is None else dict.fromkeys(candidates)
        known = {self.row[item] for item in asked if item in self.row}
        rows = np.array(sorted(known - gone), int)
        if vector is None:
            scores = self.world.popularity[rows].astype(np.float64)
        else:
            scores = self.exact_scores(self.world.item_vectors[rows], vector)
        best = np.argsort(-scores, kind="stable")[:k]
        missing = [item for item in asked if item not in self.row]
        return rows[best].tolist(), scores[best].astype(np.float32).tolist(), version, fallback, missing


class EngineMatchesOracle(RuleBasedStateMachine):
    """Base of the machines below, which say which encoder."""

    world: Any
    exact_scores: Any

    @initialize(max_history=st.sampled_from([1, 4, 1000]), max_sessions=st.sampled_from([1, 2, 1000]))
    def make(self, max_history: int, max_sessions: int) -> None:
        self.options = {"max_history": max_history, "max_sessions": max_sessions}
        self.engine = self.world.engine(**self.options)
        self.oracle = Oracle(self.world, self.exact_scores, max_history, max_sessions)
        self.version = 0

    @rule(
        events=st.lists(
            st.tuples(st.integers(1, 3), USERS, SESSIONS, ITEMS, WEIGHTS, st.booleans()).filter(lambda e: e[1] or e[2]),
            max_size=6,
        )
    )
    def apply(self, events: list[Event]) -> None:
        batch = []
        for step, *rest in events:
            self.version += step
            batch.append((self.version, *rest))
        self.engine.apply(batch)
        for event in batch:
            self.oracle.apply(event)

    @rule(
        user=USERS,
        session=SESSIONS,
        recent=RECENT,
        k=st.sampled_from([1, 5, 100]),
        candidates=st.one_of(st.none(), st.lists(ITEMS, max_size=12)),
        exclude=st.lists(ITEMS, max_size=5),
        exclude_seen=st.booleans(),
    )
    def recommend(self, user: str, session: str, k: int, **rest: Any) -> None:
        expected = self.oracle.recommend(user=user, session=session, k=k, **rest)
        arguments = {"user_id": user, "session_id": session, "k": k, "recent_events": rest.pop("recent"), **rest}
        answer = self.engine.recommend(**arguments)
        assert (
            answer.rows,
            answer.scores,
            answer.state_version,
            answer.fallback,
            answer.missing_item_ids,
        ) == expected
        assert answer.item_ids == [self.world.item_ids[row] for row in answer.rows]
        if rest["candidates"] is not None:
            rows = [self.oracle.row.get(item, -1) for item in rest["candidates"]]
            arguments |= {"candidates": None, "candidate_rows": np.array(rows, np.int64)}
            by_row = self.engine.recommend(**arguments)
            assert (by_row.rows, by_row.scores, by_row.missing_item_ids) == (answer.rows, answer.scores, [])

    @rule(user=USERS, session=SESSIONS, recent=RECENT)
    def user_vector(self, user: str, session: str, recent: list[Recent]) -> None:
        vector, seen = self.engine.user_vector(user_id=user, session_id=session, recent_events=recent)
        expected, _, _, rows = self.oracle.profile(user, session, recent)
        np.testing.assert_array_equal(vector, expected)
        assert seen == len(rows)

    @rule()
    def restart(self) -> None:
        snapshot = self.engine.snapshot()
        self.engine = self.world.engine(**self.options)
        self.engine.restore(snapshot)
        assert self.engine.snapshot() == snapshot

    @invariant()
    def counts_agree(self) -> None:
        stats = self.engine.stats()
        assert self.engine.state_version == stats["state_version"] == self.version
        assert stats["users_in_state"] == len(self.oracle.users)
        assert stats["sessions_in_state"] == len(self.oracle.sessions)


@pytest.mark.parametrize("encoder", ["als", "pooling", "constant"])
def test_any_sequence_of_events_and_queries(make_world, exact_scores, encoder: str) -> None:
    class Machine(EngineMatchesOracle):
        pass

    Machine.world = make_world(encoder=encoder)
    Machine.exact_scores = staticmethod(exact_scores)
    Machine.TestCase.settings = settings(max_examples=120, stateful_step_count=25, derandomize=True)
    Machine.TestCase().runTest()
