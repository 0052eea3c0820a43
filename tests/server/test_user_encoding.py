"""Encoding users for an engine that cannot: together after events, one by one at queries; and when it fails."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from recstream_server.queries import RecommendQuery
from recstream_server.settings import EncoderSettings
from recstream_server.user_encoding import UserEncoding

from recstream._core import Engine, NotEncodedError, UserEncoder
from recstream.bundle.onnx_runner import History
from recstream.errors import UnavailableError

ITEMS, DIMENSION = 50, 8
TABLE = np.random.default_rng(1).standard_normal((ITEMS, DIMENSION)).astype(np.float32)


class Summing:
    """The sum of the items' vectors; fails for the items it is told to fear, and is not finite for others."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.feared: set[int] = set()
        self.infinite: set[int] = set()

    def encode(self, histories: Sequence[History]) -> NDArray[np.float32]:
        self.batches.append(len(histories))
        rows = [set(history.rows.tolist()) for history in histories]
        if any(row & self.feared for row in rows):
            raise RuntimeError("no")
        vectors = np.stack([TABLE[history.rows].sum(axis=0) for history in histories])
        vectors[[bool(row & self.infinite) for row in rows]] = np.inf
        return vectors


def make_engine(id_table: Any) -> Engine:
    return Engine(
        item_ids=id_table("item", ITEMS),
        item_vectors=TABLE,
        item_popularity=np.ones(ITEMS, np.float32),
        user_ids=id_table("user", 0),
        user_vectors=np.zeros((0, DIMENSION), np.float32),
        history=(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)),
        encoder=UserEncoder.outside(dimension=DIMENSION, item_count=ITEMS, max_length=5, hears_aversions=False),
        threads=1,
    )


class Rig:
    """An engine, an encoder, and what was counted."""

    def __init__(self, id_table: Any, **settings: int) -> None:
        self.engine = make_engine(id_table)
        self.encoder = Summing()
        self.counts: dict[tuple[str, str], int] = {}
        self.encoding = UserEncoding(self.engine, self.encoder, EncoderSettings(**settings), self._count)

    def _count(self, when: str, result: str, users: int) -> None:
        self.counts[when, result] = self.counts.get((when, result), 0) + users

    def click(self, version: int, user: str, item: int, session: str = "") -> None:
        self.engine.apply([(version, user, session, f"item-{item}", 1.0, True)])

    def encoded(self, user: str = "", session: str = "") -> bool:
        return self.engine.unencoded(user_id=user, session_id=session) is None

    def ask(self, query: RecommendQuery) -> list[int]:
        answer = self.engine.recommend(
            user_id=query.user_id,
            k=query.k,
            exclude_seen=query.exclude_seen,
            recent_events=query.recent_events,
            encoded=query.encoded,
        )
        return list(answer.rows)


@pytest.fixture
def rig(id_tables: Any) -> Rig:
    return Rig(id_tables)


def query(user: str, *recent: tuple[str, float, bool, int]) -> RecommendQuery:
    return RecommendQuery(user, "", 3, None, (), False, recent, False, 0)


def best(*items: int) -> list[int]:
    scores = TABLE.astype(np.float64) @ TABLE[list(items)].sum(axis=0).astype(np.float64)
    return np.argsort(-scores, kind="stable")[:3].tolist()


def test_changed_users_are_encoded_together(id_tables: Any) -> None:
    rig = Rig(id_tables, batch_users=4)
    for number in range(10):
        rig.click(number + 1, f"u{number}", number)
    rig.encoding.encode_changed([(f"u{number}", "") for number in range(10)])
    assert rig.encoder.batches == [4, 4, 2]
    assert all(rig.ask(query(f"u{number}")) == best(number) for number in range(10))
    assert rig.counts == {("event", "ok"): 10}


def test_a_known_user_is_encoded_once_and_a_session_without_one_too(rig: Rig) -> None:
    rig.click(1, "u", 3, "a")
    rig.click(2, "u", 4, "b")
    rig.click(3, "", 5, "c")
    rig.encoding.encode_changed([("u", "a"), ("u", "b"), ("", "c")])
    assert rig.encoder.batches == [2]
    assert rig.encoded("u")
    assert rig.encoded("u", "b")
    assert rig.encoded(session="c")
    assert not rig.encoded(session="a")


def test_users_beyond_the_limit_wait_for_their_query(id_tables: Any) -> None:
    rig = Rig(id_tables, users_per_commit=1)
    rig.click(1, "u", 3)
    rig.click(2, "v", 4)
    rig.encoding.encode_changed([("u", ""), ("v", "")])
    assert [rig.encoded("u"), rig.encoded("v")] == [True, False]
    assert rig.encoding.answer(query("v"), rig.ask) == best(4)
    assert rig.encoded("v")
    assert rig.counts == {("event", "ok"): 1, ("query", "ok"): 1}


def test_a_failing_run_leaves_its_users_to_their_queries(id_tables: Any) -> None:
    rig = Rig(id_tables, batch_users=2)
    for number in range(4):
        rig.click(number + 1, f"u{number}", number)
    rig.encoder.feared = {1}
    rig.encoding.encode_changed([(f"u{number}", "") for number in range(4)])
    assert [rig.encoded(f"u{number}") for number in range(4)] == [False, False, True, True]
    assert rig.encoding.answer(query("u0"), rig.ask) == best(0)
    with pytest.raises(UnavailableError, match="encoder fails") as caught:
        rig.encoding.answer(query("u1"), rig.ask)
    assert caught.value.reason == "ENCODER_FAILED"
    assert rig.counts == {("event", "failed"): 2, ("event", "ok"): 2, ("query", "ok"): 1, ("query", "failed"): 1}
    rig.encoder.feared = set()
    assert rig.encoding.answer(query("u1"), rig.ask) == best(1)


def test_a_vector_that_is_not_finite_concerns_one_user(rig: Rig) -> None:
    rig.click(1, "u", 3)
    rig.click(2, "v", 4)
    rig.encoder.infinite = {4}
    rig.encoding.encode_changed([("u", ""), ("v", "")])
    assert [rig.encoded("u"), rig.encoded("v")] == [True, False]
    assert rig.counts == {("event", "ok"): 1, ("event", "failed"): 1}
    with pytest.raises(UnavailableError):
        rig.encoding.answer(query("v"), rig.ask)


def test_recent_events_are_encoded_for_their_query(rig: Rig) -> None:
    rig.click(1, "u", 3)
    rig.encoding.encode_changed([("u", "")])
    assert rig.encoding.answer(query("u", ("item-9", 1.0, True, 0)), rig.ask) == best(3, 9)
    assert rig.encoding.answer(query("u"), rig.ask) == best(3)


def test_an_event_in_between_is_in_the_answer(rig: Rig) -> None:
    rig.click(1, "u", 3)
    asked = []

    def ask(query: RecommendQuery) -> list[int]:
        asked.append(query)
        if len(asked) == 1:
            rig.click(2, "u", 4)
        return rig.ask(query)

    assert rig.encoding.answer(query("u"), ask) == best(3, 4)
    assert len(asked) == 2


def test_a_user_who_never_rests_is_refused(rig: Rig) -> None:
    def ask(query: RecommendQuery) -> list[int]:
        rig.click(rig.engine.state_version + 1, "u", 4)
        return rig.ask(query)

    rig.click(1, "u", 3)
    with pytest.raises(UnavailableError, match="faster than they are encoded"):
        rig.encoding.answer(query("u"), ask)


def test_nothing_but_missing_vectors_is_retried(rig: Rig) -> None:
    def ask(query: RecommendQuery) -> list[int]:
        raise NotEncodedError if query.encoded is None else ValueError("mine")

    rig.click(1, "u", 3)
    with pytest.raises(ValueError, match="mine"):
        rig.encoding.answer(query("u"), ask)
