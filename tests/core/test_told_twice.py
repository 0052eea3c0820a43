"""A model trained on the log that its server folds: no event counts twice."""

import random
from typing import Any

import numpy as np
import pytest

from recstream import _core

Event = tuple[int, str, str, str, float, bool, int]


def events_of(seed: int, count: int, items: int, users: tuple[str, ...] = ("u0", "u1", "new")) -> list[Event]:
    rng = random.Random(seed)
    return [
        (version, rng.choice(users), "s", f"i{rng.randrange(items)}", rng.choice([1.0, 0.0, 2.0, -0.5]), True, version)
        for version in range(1, count + 1)
    ]


def merged(world: Any, user: str, events: list[Event], trained_version: int) -> dict[int, float]:
    """Weights of rows, oldest first, by the rule as it is written down; None where nothing live counts."""
    trained: dict[int, float] = {}
    if user in world.user_ids:
        row = world.user_ids.index(user)
        part = slice(world.pointers[row], world.pointers[row + 1])
        trained = dict(zip(world.history_rows[part].tolist(), world.history_weights[part].tolist(), strict=True))
    live: dict[int, tuple[float, int]] = {}
    for version, who, _, item, weight, *_ in events:
        if who == user:
            sum_so_far = live.pop(int(item[1:]), (0.0, 0))[0]
            live[int(item[1:])] = (sum_so_far + weight, version)
    since = {item for item, (_, version) in live.items() if version > trained_version}
    kept = {item: weight for item, weight in trained.items() if item not in since}
    told = {item: weight for item, (weight, version) in live.items() if item in since or item not in trained}
    return kept | told if any(told.values()) else {}


@pytest.mark.parametrize("encoder", ["als", "pooling"])
@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("trained_version", [1, 30, 60])
def test_an_item_counts_by_the_history_or_by_the_state(
    make_world: Any, encoder: str, seed: int, trained_version: int
) -> None:
    world = make_world(items=12, history=6, encoder=encoder, seed=seed)
    world.user_ids[0] = "u9"  # u0 is one whom training did not keep
    engine, events = world.engine(trained_version=trained_version), events_of(seed, 60, 12)
    for event in events:
        engine.apply([event])
        if event[0] % 7:
            continue
        for user in ("u0", "u1", "u2", "new"):
            history = merged(world, user, events[: event[0]], trained_version)
            rows = np.array(list(history), np.int64)
            vector = world.encoder.encode(rows, np.array(list(history.values()), np.float32)) if history else None
            if vector is None and user in world.user_ids:
                vector = world.user_vectors[world.user_ids.index(user)]
            if vector is not None:  # else the session's
                np.testing.assert_array_equal(engine.user_vector(user_id=user)[0], vector)


def trained_user(world: Any, *, weights: float = 1.0) -> list[Event]:
    """The events that u1's history may have been made of."""
    rows = world.history_rows[world.pointers[1] : world.pointers[2]]
    return [(version, "u1", "", f"i{row}", weights, True, 9) for version, row in enumerate(rows.tolist(), start=1)]


def test_what_training_read_changes_nothing_until_something_new_comes(make_world: Any) -> None:
    world = make_world()
    fresh, engine = world.engine(), world.engine(trained_version=6)
    engine.apply(trained_user(world))
    told, untold = engine.recommend(user_id="u1", k=30), fresh.recommend(user_id="u1", k=30)
    assert (told.rows, told.scores) == (untold.rows, untold.scores)
    assert told.state_version == 6
    new = next(row for row in range(30) if f"i{row}" not in {event[3] for event in trained_user(world)})
    for one, version in ((engine, 7), (fresh, 1)):
        one.apply([(version, "u1", "", f"i{new}", 1.0, True, 9)])
    np.testing.assert_array_equal(engine.user_vector(user_id="u1")[0], fresh.user_vector(user_id="u1")[0])
    assert engine.user_vector(user_id="u1")[1] == fresh.user_vector(user_id="u1")[1] == 7


def test_without_the_version_they_count_twice(make_world: Any) -> None:
    """The control of the test above."""
    world = make_world()
    fresh, engine = world.engine(), world.engine()
    engine.apply(trained_user(world))
    assert engine.recommend(user_id="u1", k=30).scores != fresh.recommend(user_id="u1", k=30).scores


def test_recent_events_of_a_query_come_on_top(make_world: Any) -> None:
    world = make_world()
    fresh, engine = world.engine(), world.engine(trained_version=6)
    engine.apply(trained_user(world))
    recent = [(trained_user(world)[0][3], 1.0, True, 9)]
    vectors = [one.user_vector(user_id="u1", recent_events=recent)[0] for one in (engine, fresh)]
    np.testing.assert_array_equal(*vectors)


def test_an_aversion_that_training_left_out_stays(make_world: Any) -> None:
    world = make_world()
    history = world.history_rows[world.pointers[1] : world.pointers[2]].tolist()
    disliked = next(row for row in range(30) if row not in history)
    plain, engine = world.engine(), world.engine(trained_version=6)
    for one in (plain, engine):
        one.apply([(3, "u1", "", f"i{disliked}", -2.0, True, 9)])
    np.testing.assert_array_equal(engine.user_vector(user_id="u1")[0], plain.user_vector(user_id="u1")[0])


def test_an_encoder_outside_of_the_core_is_told_the_same(make_world: Any) -> None:
    world = make_world()
    events = [
        *trained_user(world),
        (7, "u1", "", "i29", 1.0, True, 9),
        (8, "u1", "", trained_user(world)[2][3], 1.0, True, 9),
    ]
    world.encoder = _core.UserEncoder.outside(dimension=5, item_count=30, max_length=50, hears_aversions=True)
    engine = world.engine(trained_version=6)
    engine.apply(events)
    _, rows, weights, _ = engine.unencoded(user_id="u1")
    expected = merged(world, "u1", events, 6)
    assert dict(zip(rows.tolist(), weights.tolist(), strict=True)) == expected
    assert rows.tolist() == list(expected)


def test_a_state_is_the_same_whatever_was_trained_on_it(make_world: Any) -> None:
    world, events = make_world(), events_of(1, 50, 30)
    engines = [world.engine(trained_version=version) for version in (0, 25, 50)]
    for engine in engines:
        engine.apply(events)
    assert len({bytes(engine.snapshot()) for engine in engines}) == 1
    engines[1].restore(engines[0].snapshot())
    np.testing.assert_array_equal(
        engines[1].user_vector(user_id="u1")[0],
        world.encoder.encode(*history_of(merged(world, "u1", events, 25))),
    )


def history_of(weights: dict[int, float]) -> tuple[np.ndarray, np.ndarray]:
    return np.array(list(weights), np.int64), np.array(list(weights.values()), np.float32)


def test_a_negative_version_is_refused(make_world: Any) -> None:
    with pytest.raises(ValueError, match="trained_version must be at least 0, got -1"):
        make_world().engine(trained_version=-1)
