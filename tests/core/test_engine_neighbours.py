"""An engine without vectors: what it scores is the history itself."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recstream import _core

ITEMS = 30


@pytest.fixture
def similarity() -> NDArray[np.float32]:
    """Sparse, with a row of zeros (7) and negative entries."""
    rng = np.random.default_rng(4)
    matrix = rng.uniform(-0.3, 1, (ITEMS, ITEMS)).astype(np.float32)
    matrix[rng.random((ITEMS, ITEMS)) < 0.7] = 0
    matrix[7] = 0
    np.fill_diagonal(matrix, 0)
    return matrix


def scorer_of(matrix: NDArray[np.float32]) -> _core.NeighbourScorer:
    rows, columns = np.nonzero(matrix)
    pointers = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(matrix)))]).astype(np.int64)
    return _core.NeighbourScorer.items((pointers, columns.astype(np.int32), matrix[rows, columns]))


class Shop:
    """Engine arguments, and the answers that plain Python gives."""

    def __init__(self, world: Any, matrix: NDArray[np.float32]) -> None:
        self.world = world
        self.matrix = matrix.astype(np.float64)
        self.arguments = world.arguments() | {"neighbours": scorer_of(matrix)}
        for name in ("item_vectors", "user_vectors", "encoder"):
            del self.arguments[name]

    def engine(self, **options: int) -> _core.Engine:
        return _core.Engine(**self.arguments, **options)

    def ranked(self, history: dict[int, float], left_out: set[int]) -> list[int]:
        scores = sum(weight * self.matrix[row] for row, weight in history.items())
        keys = {
            row: (-score, -self.world.popularity[row] if score == 0 else 0, row) for row, score in enumerate(scores)
        }
        return sorted(set(range(ITEMS)) - left_out, key=keys.__getitem__)

    def trained(self, user: int) -> dict[int, float]:
        part = slice(self.world.pointers[user], self.world.pointers[user + 1])
        return dict(zip(self.world.history_rows[part].tolist(), self.world.history_weights[part].tolist(), strict=True))


@pytest.fixture
def shop(make_world: Any, similarity: NDArray[np.float32]) -> Shop:
    return Shop(make_world(), similarity)


def test_training_histories_are_scored_in_full(shop: Shop) -> None:
    engine = shop.engine(max_history=2)
    for user in (1, 2, 3):
        history = shop.trained(user)
        answer = engine.recommend(user_id=f"u{user}", k=ITEMS)
        assert answer.rows == shop.ranked(history, set(history))
        expected = sum(weight * shop.matrix[row] for row, weight in history.items())
        np.testing.assert_allclose(answer.scores, expected[answer.rows], rtol=1e-6)
        assert answer.fallback == _core.FALLBACK_NONE


def test_live_and_recent_events_come_on_top(shop: Shop) -> None:
    engine = shop.engine()
    engine.apply([(1, "u1", "", "i3", 2.0, True), (2, "u1", "", "i9", -1.0, True), (3, "u1", "", "alien", 1.0, True)])
    history = shop.trained(1)
    for row, weight in ((3, 2.0), (9, -1.0)):
        history[row] = history.pop(row, 0.0) + weight
    answer = engine.recommend(user_id="u1", k=ITEMS)
    assert (answer.rows, answer.state_version) == (shop.ranked(history, set(history)), 3)
    assert engine.recommend(user_id="u1", k=ITEMS, exclude_seen=False).rows == shop.ranked(history, set())
    history[12] = history.pop(12, 0.0) + 5.0
    recent = engine.recommend(user_id="u1", k=ITEMS, recent_events=[("i12", 5.0, True)])
    assert recent.rows == shop.ranked(history, set(history))
    assert engine.recommend(user_id="u1", k=ITEMS).rows == answer.rows
    assert engine.user_vector(user_id="u1") == (None, len(set(shop.trained(1)) | {3, 9}))


def test_live_events_count_within_the_longest_history(shop: Shop) -> None:
    engine = shop.engine(max_history=2)
    engine.apply([(version, "new", "", f"i{version}", 1.0, True) for version in (1, 2, 3)])
    assert engine.recommend(user_id="new", k=ITEMS).rows == shop.ranked({2: 1.0, 3: 1.0}, {1, 2, 3})


def test_the_fallback_chain(shop: Shop) -> None:
    engine = shop.engine()
    engine.apply([(1, "", "visit", "i3", 1.0, True), (2, "averse", "", "i3", -1.0, True)])
    by_session = engine.recommend(user_id="new", session_id="visit", k=ITEMS)
    assert (by_session.fallback, by_session.rows) == (_core.FALLBACK_SESSION, shop.ranked({3: 1.0}, {3}))
    by_recent = engine.recommend(user_id="new", recent_events=[("i3", 1.0, True)], k=ITEMS)
    assert (by_recent.fallback, by_recent.rows) == (_core.FALLBACK_SESSION, by_session.rows)
    popular = np.argsort(-shop.world.popularity, kind="stable").tolist()
    for arguments in ({"user_id": "new"}, {"user_id": "u0"}, {}, {"user_id": "averse", "exclude_seen": False}):
        answer = engine.recommend(**arguments, k=ITEMS)
        assert (answer.fallback, answer.rows) == (_core.FALLBACK_POPULAR, popular)


def test_what_the_history_says_nothing_of_follows_by_popularity(shop: Shop) -> None:
    engine = shop.engine()
    engine.apply([(1, "new", "", "i7", 1.0, False)])
    answer = engine.recommend(user_id="new", k=ITEMS)
    assert answer.fallback == _core.FALLBACK_NONE
    assert answer.rows == np.argsort(-shop.world.popularity, kind="stable").tolist()
    assert answer.scores == [0.0] * ITEMS


def test_candidates_are_ranked_alike(shop: Shop) -> None:
    engine = shop.engine()
    whole = engine.recommend(user_id="u1", k=ITEMS)
    some = whole.item_ids[::3]
    answer = engine.recommend(user_id="u1", k=ITEMS, candidates=["nowhere", *reversed(some)], exclude=[some[0]])
    assert (answer.item_ids, answer.missing_item_ids) == (some[1:], ["nowhere"])
    scores = dict(zip(whole.item_ids, whole.scores, strict=True))
    assert answer.scores == [scores[item] for item in some[1:]]
    rows = np.array([*reversed(whole.rows[::3]), -1])
    assert engine.recommend(user_id="u1", k=3, candidate_rows=rows).item_ids == some[:3]


def test_similar_items_are_those_of_the_row(shop: Shop) -> None:
    engine = shop.engine()
    assert engine.similar("i5", ITEMS).rows == shop.ranked({5: 1.0}, {5})
    np.testing.assert_allclose(engine.similar("i5", 3).scores, sorted(shop.matrix[5])[::-1][:3], rtol=1e-6)


def test_a_snapshot_and_the_order_of_queries_change_nothing(shop: Shop) -> None:
    engine, restored = shop.engine(), shop.engine()
    for version in range(1, 60):
        engine.apply([(version, f"u{version % 4}", "visit", f"i{version * 7 % 33}", 1.0, version % 3 == 0)])
        engine.recommend(user_id="u1", recent_events=[("i5", 1.0, False)])
    restored.restore(engine.snapshot())
    for user in ("u0", "u1", "u2", "u3", "stranger"):
        arguments = {"user_id": user, "session_id": "visit", "k": ITEMS}
        one, other = engine.recommend(**arguments), restored.recommend(**arguments)
        assert (one.rows, one.scores, one.state_version) == (other.rows, other.scores, other.state_version)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"encoder": _core.UserEncoder.constant(np.ones(5, np.float32))}, "encoder: neighbours need none"),
        ({"item_vectors": np.ones((ITEMS, 2), np.float32)}, "item_vectors: neighbours need none"),
        ({"neighbours": scorer_of(np.eye(3, dtype=np.float32))}, "neighbours must have one entry for each of the 30"),
        ({"neighbours": None}, "encoder: give one, or neighbours"),
    ],
)
def test_parts_that_do_not_fit_are_refused(shop: Shop, change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        _core.Engine(**(shop.arguments | change))
