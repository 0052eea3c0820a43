"""What Engine promises about single answers, each promise by itself."""

import gc

import numpy as np
import pytest

from recstream import _core


def test_a_known_user_without_events_has_the_stored_vector(make_world) -> None:
    world = make_world()
    vector, seen = world.engine().user_vector(user_id="u2")
    np.testing.assert_array_equal(vector, world.user_vectors[2])
    assert seen == 6


def test_an_event_takes_its_item_out_and_moves_the_vector(make_world) -> None:
    world = make_world()
    engine = world.engine()
    before = engine.recommend(user_id="u1", k=5)
    assert before.state_version == 0
    vector, _ = engine.user_vector(user_id="u1")
    engine.apply([(7, "u1", "", before.item_ids[0], 1.0, True)])
    after = engine.recommend(user_id="u1", k=5)
    assert after.state_version == 7
    assert after.fallback == _core.FALLBACK_NONE
    assert before.item_ids[0] not in engine.recommend(user_id="u1", k=30).item_ids
    assert (engine.user_vector(user_id="u1")[0] != vector).any()


def test_an_event_that_does_not_mark_seen_leaves_its_item_in(make_world) -> None:
    engine = make_world().engine()
    engine.apply([(1, "new", "", "i3", 1.0, False)])
    assert "i3" in engine.recommend(user_id="new", k=30).item_ids


def test_events_without_weight_leave_the_stored_vector(make_world) -> None:
    world = make_world()
    engine = world.engine()
    engine.apply([(1, "u2", "", "i3", 0.0, True)])
    np.testing.assert_array_equal(engine.user_vector(user_id="u2")[0], world.user_vectors[2])
    assert engine.recommend(user_id="u2").state_version == 1


def test_the_fallback_chain(make_world) -> None:
    world = make_world()
    engine = world.engine()
    engine.apply([(1, "", "visit", "i3", 1.0, True)])
    assert engine.recommend(user_id="u1", session_id="visit").fallback == _core.FALLBACK_NONE
    by_session = engine.recommend(user_id="new", session_id="visit")
    assert (by_session.fallback, by_session.state_version) == (_core.FALLBACK_SESSION, 1)
    by_recent = engine.recommend(user_id="new", recent_events=[("i3", 1.0, True)])
    assert (by_recent.fallback, by_recent.state_version) == (_core.FALLBACK_SESSION, 0)
    assert by_recent.item_ids == by_session.item_ids
    assert by_recent.scores == by_session.scores
    popular = engine.recommend(user_id="new", k=30)
    assert (popular.fallback, popular.state_version) == (_core.FALLBACK_POPULAR, 0)
    assert popular.rows == np.argsort(-world.popularity, kind="stable").tolist()
    assert popular.scores == sorted(world.popularity.tolist(), reverse=True)
    assert engine.recommend().rows == popular.rows[:10]


def test_the_popular_fallback_leaves_out_what_was_seen(make_world) -> None:
    engine = make_world().engine()
    engine.apply([(1, "new", "", "i3", 0.0, True), (2, "", "visit", "i4", 0.0, True)])
    answer = engine.recommend(
        user_id="new", session_id="visit", k=30, exclude=["i5"], recent_events=[("i6", 0.0, True), ("i7", 0.0, False)]
    )
    assert answer.fallback == _core.FALLBACK_POPULAR
    assert answer.state_version == 2
    assert {row for row in range(30) if row not in answer.rows} == {3, 4, 5, 6}


def test_a_recent_event_is_of_this_answer_only(make_world) -> None:
    engine = make_world().engine()
    before = engine.recommend(user_id="u1", k=30)
    recent = engine.recommend(user_id="u1", k=30, recent_events=[(before.item_ids[0], 5.0, True)])
    assert before.item_ids[0] not in recent.item_ids
    assert recent.fallback == _core.FALLBACK_NONE
    after = engine.recommend(user_id="u1", k=30)
    assert (after.item_ids, after.scores) == (before.item_ids, before.scores)
    assert engine.stats()["users_in_state"] == 0


def test_recent_events_go_on_top_of_stored_ones(make_world) -> None:
    """Live, then recent, is the same as all of them live."""
    world = make_world(encoder="pooling")
    engine, other = world.engine(), world.engine()
    engine.apply([(1, "u1", "", "i3", 1.0, True)])
    other.apply([(1, "u1", "", "i3", 1.0, True), (2, "u1", "", "i9", 2.0, True), (3, "u1", "", "i3", 1.0, True)])
    recent = engine.recommend(user_id="u1", recent_events=[("i9", 2.0, True), ("i3", 1.0, True)])
    live = other.recommend(user_id="u1")
    assert (recent.item_ids, recent.scores) == (live.item_ids, live.scores)


def test_candidates(make_world) -> None:
    engine = make_world().engine()
    engine.apply([(1, "new", "", "i3", 1.0, True)])
    whole = engine.recommend(user_id="new", k=30)
    candidates = ["i9", "nowhere", "i9", "i3", "i0", "elsewhere", "nowhere"]
    answer = engine.recommend(user_id="new", candidates=candidates)
    assert answer.missing_item_ids == ["nowhere", "elsewhere"]
    assert answer.item_ids == [item for item in whole.item_ids if item in ("i9", "i0")]
    scores = dict(zip(whole.item_ids, whole.scores, strict=True))
    assert answer.scores == [scores[item] for item in answer.item_ids]
    assert set(engine.recommend(user_id="new", candidates=candidates, exclude_seen=False).rows) == {0, 3, 9}
    assert engine.recommend(user_id="new", candidates=[]).item_ids == []
    rows = np.array([9, -1, 3, 0, -1, 9])
    assert engine.recommend(user_id="new", candidate_rows=rows).rows == answer.rows


@pytest.mark.parametrize("fallback", [_core.FALLBACK_NONE, _core.FALLBACK_SESSION, _core.FALLBACK_POPULAR])
@pytest.mark.parametrize("share", [0.0, 0.5, 0.99])
@pytest.mark.parametrize("by", ["exclude", "events", "candidates"])
def test_k_answers_whenever_k_items_are_eligible(make_world, fallback: int, share: float, by: str) -> None:
    world = make_world(items=1000, dimension=8)
    engine = world.engine()
    rng = np.random.default_rng(3)
    gone = [world.item_ids[row] for row in rng.permutation(1000)[: int(share * 1000)]]
    left = [item for item in world.item_ids if item not in set(gone)]
    who = {1: {"user_id": "u0"}, 2: {"session_id": "visit"}, 3: {"user_id": "new"}}[fallback]
    events = [(1, "u0", "visit", left[0], 1.0, False)]
    arguments: dict[str, object] = {}
    if by == "exclude":
        arguments["exclude"] = gone
    elif by == "candidates":
        arguments["candidates"] = left
    else:
        events += [(2 + i, "u0", "visit", item, 0.0, True) for i, item in enumerate(gone)]
        if fallback == _core.FALLBACK_POPULAR:
            events = [(2 + i, "new", "", item, 0.0, True) for i, item in enumerate(gone)]
    engine.apply(events)
    for k in (1, 10, len(left), len(left) + 1):
        answer = engine.recommend(**who, k=k, **arguments)
        assert answer.fallback == fallback
        assert len(answer.item_ids) == min(k, len(left))
        assert set(answer.item_ids) <= set(left)


def test_what_was_seen_is_never_forgotten_but_the_vector_forgets(make_world) -> None:
    world = make_world(items=300, encoder="pooling")
    engine = world.engine(max_history=10)
    engine.apply([(i + 1, "new", "", f"i{i}", 1.0, True) for i in range(200)])
    assert set(engine.recommend(user_id="new", k=300).rows) == set(range(200, 300))
    vector, seen = engine.user_vector(user_id="new")
    assert seen == 200
    np.testing.assert_array_equal(vector, world.encoder.encode(np.arange(190, 200), np.ones(10, np.float32)))


def test_sessions_idle_longest_are_dropped_first(make_world) -> None:
    engine = make_world().engine(max_sessions=2)
    for version, session in enumerate(["a", "b", "a", "c"], 1):
        engine.apply([(version, "", session, "i3", 1.0, True)])
    found = {session: engine.recommend(session_id=session).fallback for session in "abc"}
    assert found == {"a": _core.FALLBACK_SESSION, "b": _core.FALLBACK_POPULAR, "c": _core.FALLBACK_SESSION}
    assert engine.stats()["sessions_in_state"] == 2


def test_similar_items_are_the_nearest_by_cosine(make_world) -> None:
    world = make_world(items=200, dimension=12)
    world.item_vectors[50] = 0
    world.item_vectors[60] = 2 * world.item_vectors[7]
    engine = world.engine()
    vectors = world.item_vectors.astype(np.float64)
    norms = np.linalg.norm(vectors, axis=1)
    for row in (7, 50, 100, 105, 110):
        answer = engine.similar(f"i{row}", 300)
        products = norms * norms[row]
        cosine = np.divide(vectors @ vectors[row], products, out=np.zeros(200), where=products > 0)
        np.testing.assert_allclose(answer.scores, cosine[answer.rows], atol=1e-7)
        assert (np.diff(answer.scores) <= 0).all()
        assert sorted(answer.rows) == [other for other in range(200) if other != row]
    assert engine.similar("i7", 1).item_ids == ["i60"]
    assert engine.similar("i100", 3).rows == [105, 110, 115]  # Copies of one vector, by row.
    assert engine.similar("i50", 3).rows == [0, 1, 2]
    with pytest.raises(KeyError, match="nowhere"):
        engine.similar("nowhere", 3)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        engine.similar("i7", 0)


def test_an_empty_catalogue_answers_with_nothing(make_world) -> None:
    world = make_world(items=0, users=0, history=0)
    world.encoder = _core.UserEncoder.constant(np.ones(5, np.float32))
    engine = world.engine()
    engine.apply([(1, "new", "", "i3", 1.0, True)])
    for arguments in ({}, {"user_id": "new"}, {"candidates": ["i3"]}, {"recent_events": [("i3", 1.0, True)]}):
        answer = engine.recommend(**arguments)
        assert answer.item_ids == []
        assert answer.fallback == _core.FALLBACK_POPULAR


def test_a_query_between_events_changes_nothing(make_world) -> None:
    """The vector comes from the folded state alone, whenever it was asked for."""
    world = make_world()
    asked, quiet = world.engine(threads=1), world.engine(threads=3)
    rng = np.random.default_rng(8)
    for version in range(1, 200):
        event = (version, "u1", "visit", f"i{rng.integers(30)}", float(rng.integers(0, 4)), bool(version % 3))
        asked.apply([event])
        quiet.apply([event])
        asked.recommend(user_id="u1", recent_events=[("i5", 1.0, False)])
        asked.recommend(session_id="visit")
    for arguments in ({"user_id": "u1"}, {"session_id": "visit"}):
        a, b = asked.recommend(**arguments, k=30), quiet.recommend(**arguments, k=30)
        assert (a.rows, a.scores, a.state_version) == (b.rows, b.scores, b.state_version)
    assert asked.snapshot() == quiet.snapshot()


def test_everything_borrowed_is_kept_alive(make_world) -> None:
    world = make_world(items=2000, users=500, dimension=32, history=50)
    expected = world.engine().recommend(user_id="u3")
    arguments = {
        name: value.copy() if isinstance(value, np.ndarray) else value for name, value in world.arguments().items()
    }
    arguments["history"] = tuple(part.copy() for part in arguments["history"])
    arguments["encoder"] = _core.UserEncoder.decayed_pooling(world.item_vectors.copy(), half_life_events=3.0)
    engine = _core.Engine(**arguments)
    arguments.clear()
    gc.collect()
    churn = [np.full(2000 * 32, np.nan, np.float32) for _ in range(50)]
    answer = engine.recommend(user_id="u3")
    assert (answer.item_ids, answer.scores) == (expected.item_ids, expected.scores)
    engine.apply([(1, "u3", "", "i3", 1.0, True)])
    assert np.isfinite(engine.recommend(user_id="u3").scores).all()
    del churn
