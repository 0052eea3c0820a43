"""Engines whose vectors are made outside of the core."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from recstream import _core

NEW = "a user without a history"


@pytest.fixture
def make_engine(make_world) -> Callable[..., _core.Engine]:
    """Engines of the small world whose encoder is outside; its history happened at 100, 101 ..."""

    def make(*, max_length: int = 4, hears_aversions: bool = False, times: bool = True, **options: int) -> _core.Engine:
        world = make_world()
        arguments = world.arguments()
        if times:
            arguments["history"] = (*arguments["history"], np.arange(100, 100 + len(world.history_rows)))
        items, dimension = world.item_vectors.shape
        arguments["encoder"] = _core.UserEncoder.outside(
            dimension=dimension, item_count=items, max_length=max_length, hears_aversions=hears_aversions
        )
        return _core.Engine(**arguments, **options)

    return make


def needed(engine: _core.Engine, **subject: Any) -> tuple[int, list[int], list[float], list[int]]:
    told = engine.unencoded(**subject)
    assert told is not None
    version, rows, weights, times = told
    assert (rows.dtype, weights.dtype, times.dtype) == (np.int64, np.float32, np.int64)
    return version, rows.tolist(), weights.tolist(), times.tolist()


def vector_of(engine: _core.Engine, fill: float = 1.0) -> NDArray[np.float32]:
    vector, _ = engine.user_vector(user_id="u0")
    assert vector is not None
    return np.full(len(vector), fill, np.float32)


def test_items_come_once_with_their_weights_added_and_the_latest_time(make_engine) -> None:
    engine = make_engine()
    engine.apply(
        [
            (1, NEW, "", "i3", 1.0, True, 50),
            (2, NEW, "", "i4", 0.5, True, 60),
            (5, NEW, "", "i3", 2.0, True, 40),
            (6, NEW, "", "i5", 1.0, True),
        ]
    )
    assert needed(engine, user_id=NEW) == (6, [4, 3, 5], [0.5, 3.0, 1.0], [60, 50, 0])


def test_what_the_encoder_does_not_hear_is_left_out_before_the_cut(make_engine) -> None:
    events = [
        (1, NEW, "", "i1", 1.0, True, 1),
        (2, NEW, "", "i2", 1.0, True, 2),
        (3, NEW, "", "i3", -1.0, True, 3),
        (4, NEW, "", "i4", 0.0, True, 4),
        (5, NEW, "", "i5", 1.0, True, 5),
    ]
    deaf, hearing = make_engine(max_length=2), make_engine(max_length=2, hears_aversions=True)
    deaf.apply(events)
    hearing.apply(events)
    assert needed(deaf, user_id=NEW)[1:] == ([2, 5], [1.0, 1.0], [2, 5])
    assert needed(hearing, user_id=NEW)[1:] == ([3, 5], [-1.0, 1.0], [3, 5])


def test_live_events_follow_the_history_with_its_times(make_engine, make_world) -> None:
    world = make_world()
    first, last = world.pointers[1], world.pointers[2]
    rows = world.history_rows[first:last].tolist()
    fresh = next(row for row in range(len(world.item_ids)) if row not in rows)
    event = (1, "u1", "", world.item_ids[fresh], 1.0, True, 999)
    timed, untimed = make_engine(max_length=2000), make_engine(max_length=2000, times=False)
    timed.apply([event])
    untimed.apply([event])
    _, got_rows, _, got_times = needed(timed, user_id="u1")
    heard = [i for i in range(first, last) if world.history_weights[i] > 0]
    assert got_rows == [*(int(world.history_rows[i]) for i in heard), fresh]
    assert got_times == [*(100 + i for i in heard), 999]
    assert needed(untimed, user_id="u1")[3] == [0] * len(heard) + [999]


def test_an_answer_waits_for_the_vector_and_uses_it_from_then_on(make_engine, make_world) -> None:
    engine = make_engine()
    engine.apply([(3, NEW, "", "i3", 1.0, True)])
    with pytest.raises(_core.NotEncodedError):
        engine.recommend(user_id=NEW, k=3)
    with pytest.raises(_core.NotEncodedError):
        engine.user_vector(user_id=NEW)
    vector = vector_of(engine)
    answer = engine.recommend(user_id=NEW, k=3, exclude_seen=False, encoded=(3, vector))
    scores = make_world().item_vectors.astype(np.float64) @ vector.astype(np.float64)
    assert answer.rows == np.argsort(-scores, kind="stable")[:3].tolist()
    assert answer.state_version == 3
    assert engine.unencoded(user_id=NEW) is None
    kept, _ = engine.user_vector(user_id=NEW)
    assert kept is not None
    assert kept.tolist() == vector.tolist()


def test_a_vector_of_another_state_is_never_used(make_engine) -> None:
    engine = make_engine()
    engine.apply([(3, NEW, "", "i3", 1.0, True)])
    vector = vector_of(engine)
    engine.recommend(user_id=NEW, encoded=(3, vector))
    engine.apply([(4, NEW, "", "i4", 1.0, True)])
    for version in (0, 3, 5):
        with pytest.raises(_core.NotEncodedError):
            engine.recommend(user_id=NEW, encoded=(version, vector))
    assert needed(engine, user_id=NEW)[0] == 4
    assert engine.recommend(user_id=NEW, encoded=(4, vector)).state_version == 4


def test_recent_events_need_a_vector_of_their_own_that_is_not_kept(make_engine) -> None:
    engine = make_engine()
    engine.apply([(3, NEW, "s", "i3", 1.0, True, 10)])
    recent = [("i7", 1.0, True, 20)]
    vector = vector_of(engine)
    engine.recommend(user_id=NEW, encoded=(3, vector))
    assert needed(engine, user_id=NEW, recent_events=recent) == (3, [3, 7], [1.0, 1.0], [10, 20])
    answer = engine.recommend(user_id=NEW, recent_events=recent, encoded=(3, -vector))
    assert answer.rows != engine.recommend(user_id=NEW).rows
    with pytest.raises(_core.NotEncodedError):
        engine.recommend(user_id=NEW, recent_events=recent)
    assert needed(engine, recent_events=recent) == (0, [7], [1.0], [20])


def test_without_anything_to_hear_the_chain_goes_on(make_engine, make_world) -> None:
    world = make_world()
    engine = make_engine()
    engine.apply([(1, NEW, "", "i3", -1.0, True), (2, world.user_ids[0], "", "alien", 1.0, True)])
    assert engine.unencoded(user_id=NEW) is None
    assert engine.recommend(user_id=NEW).fallback == _core.FALLBACK_POPULAR
    assert engine.unencoded(user_id="nobody") is None
    stored, _ = engine.user_vector(user_id=world.user_ids[0])
    assert stored is not None
    assert stored.tolist() == world.user_vectors[0].tolist()
    engine.apply([(3, "", "s", "i2", 1.0, True)])
    assert needed(engine, user_id=NEW, session_id="s")[:2] == (3, [2])
    answer = engine.recommend(user_id=NEW, session_id="s", encoded=(3, vector_of(engine)))
    assert answer.fallback == _core.FALLBACK_SESSION


@pytest.mark.parametrize("length", [0, 1, 99])
def test_a_vector_of_another_dimension_is_refused(make_engine, length: int) -> None:
    with pytest.raises(ValueError, match=rf"encoded: the vector has {length} dimensions"):
        make_engine().recommend(user_id="u0", encoded=(0, np.zeros(length, np.float32)))


def test_a_vector_that_is_not_finite_is_refused(make_engine) -> None:
    engine = make_engine()
    vector = vector_of(engine)
    vector[1] = np.nan
    with pytest.raises(ValueError, match="encoded"):
        engine.recommend(user_id="u0", encoded=(0, vector))


@pytest.mark.parametrize("encoded", [3, (1,), (1, [0.0]), ("1", np.zeros(8, np.float32))])
def test_encoded_of_another_type_is_refused(make_engine, encoded: Any) -> None:
    with pytest.raises((TypeError, RuntimeError)):
        make_engine().recommend(user_id="u0", encoded=encoded)


def test_a_negative_time_is_refused(make_engine) -> None:
    engine = make_engine()
    with pytest.raises(ValueError, match=r"events\[0\]: time must be Unix seconds or 0, got -1"):
        engine.apply([(1, "u", "", "i1", 1.0, True, -1)])
    with pytest.raises(ValueError, match=r"recent_events\[0\]: time must be"):
        engine.recommend(recent_events=[("i1", 1.0, True, -5)])


def test_the_encoder_itself_computes_nothing() -> None:
    encoder = _core.UserEncoder.outside(dimension=2, item_count=3, max_length=4, hears_aversions=False)
    with pytest.raises(ValueError, match="run outside of the core"):
        encoder.encode(np.array([0]), np.ones(1, np.float32))
    for name in ("dimension", "item_count", "max_length"):
        numbers = {"dimension": 2, "item_count": 3, "max_length": 4} | {name: 0}
        with pytest.raises(ValueError, match=f"{name} must be at least 1, got 0"):
            _core.UserEncoder.outside(**numbers, hears_aversions=True)


def test_times_must_fit_the_history(make_world) -> None:
    arguments = make_world().arguments()
    arguments["history"] = (*arguments["history"], np.zeros(1, np.int64))
    with pytest.raises(ValueError, match="history times must have one entry for each"):
        _core.Engine(**arguments)
