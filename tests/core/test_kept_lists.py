"""The lists kept of users: with and without them, an engine answers with the same bits."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recstream import _core
from tests.core.conftest import MakeWorld, World

ITEMS = 700
USERS = ["u0", "u1", "u2", "", "stranger"]
SESSIONS = ["", "", "s0", "s1"]
FILTERS = _core.AttributeTable(
    [("row", _core.AttributeColumn.numbers(np.arange(ITEMS, dtype=np.float64)))], rows=ITEMS, cache_bytes=1 << 20
)
KEEP = {"kept_list_min_items": 0}
SUBJECT = st.tuples(st.sampled_from(USERS), st.sampled_from(SESSIONS)).filter(any)
EVENT = st.tuples(SUBJECT, st.integers(0, ITEMS + 3), st.sampled_from([1.0, 0.1, 0.01, -0.05, 0.0]), st.booleans())
QUERY = st.fixed_dictionaries(
    {
        "subject": SUBJECT,
        "k": st.sampled_from([1, 3, 10, 10, 60, 200, 300, ITEMS]),
        "exclude": st.lists(st.integers(0, ITEMS - 1).map("i{}".format), max_size=4),
        "below": st.sampled_from([None, None, ITEMS // 2, 20]),
        "exclude_seen": st.sampled_from([True, True, True, False]),
        "recent_events": st.lists(
            st.tuples(st.integers(0, ITEMS - 1).map("i{}".format), st.sampled_from([0.2, -0.1]), st.booleans()),
            max_size=2,
        ),
    }
)
STEP = st.one_of(EVENT, QUERY, QUERY, st.sampled_from(["restore"]))


def world_of(make_world: MakeWorld, encoder: str, seed: int, dimension: int = 6) -> World:
    world = make_world(items=ITEMS, dimension=dimension, history=40, encoder=encoder, seed=seed)
    if seed % 3 == 0:  # ties all over
        world.item_vectors[:] = np.round(world.item_vectors)
    if seed % 3 == 1:  # learned norms are uneven
        world.item_vectors *= np.random.default_rng(seed).gamma(1.0, 1.0, (ITEMS, 1)).astype(np.float32)
    return world


def answer(engine: _core.Engine, query: dict[str, Any]) -> tuple[list[int], bytes, int, int]:
    rest = dict(query)
    (user, session), below = rest.pop("subject"), rest.pop("below", None)
    allow = FILTERS.compile(all_of=[("row", "range", (0.0, float(below)))]) if below is not None else None
    found = engine.recommend(user_id=user, session_id=session, allow=allow, **rest)
    return found.rows, np.array(found.scores, np.float32).tobytes(), found.state_version, found.fallback


def replay(world: World, steps: list[Any], *, max_sessions: int, list_bytes: int) -> int:
    """How many queries lists answered, after the answers were found to be the same."""
    kept = world.engine(max_sessions=max_sessions, kept_list_bytes=list_bytes, **KEEP)
    plain = world.engine(max_sessions=max_sessions, kept_list_bytes=0)
    snapshot, version = plain.snapshot(), 0
    for step in steps:
        if isinstance(step, dict):
            assert answer(kept, step) == answer(plain, step)
        elif step == "restore":
            newer = plain.snapshot()
            kept.restore(snapshot)
            plain.restore(snapshot)
            snapshot, version = newer, plain.state_version
        else:
            (user, session), item, weight, marks_seen = step
            version += 1
            for engine in (kept, plain):
                engine.apply([(version, user, session, f"i{item}", weight, marks_seen)])
    assert plain.stats()["list_queries"] == 0
    return kept.stats()["list_answers"]


ENCODERS = st.sampled_from(["als", "pooling", "constant"])
SEEDS = st.integers(0, 20)
STEPS = st.lists(STEP, min_size=5, max_size=40)
OPTIONS = st.fixed_dictionaries(
    {"max_sessions": st.sampled_from([1, 1000]), "list_bytes": st.sampled_from([1 << 26, 1 << 16])}
)


@settings(max_examples=60, derandomize=True)
@given(encoder=ENCODERS, seed=SEEDS, steps=STEPS, options=OPTIONS)
def test_lists_change_no_bit(
    make_world: MakeWorld, encoder: str, seed: int, steps: list[Any], options: dict[str, int]
) -> None:
    replay(world_of(make_world, encoder, seed), steps, **options)


@pytest.mark.full
@settings(max_examples=5000)
@given(encoder=ENCODERS, seed=SEEDS, steps=STEPS, options=OPTIONS)
def test_lists_change_no_bit_in_a_campaign(
    make_world: MakeWorld, encoder: str, seed: int, steps: list[Any], options: dict[str, int]
) -> None:
    replay(world_of(make_world, encoder, seed), steps, **options)


def small_events(count: int, *, seed: int, user: str = "u1") -> list[Any]:
    """Events that hardly move a vector, each with a query after it."""
    random = np.random.default_rng(seed)
    query = {"subject": (user, ""), "k": 10, "exclude": [], "exclude_seen": True, "recent_events": []}
    return [step for item in random.permutation(ITEMS)[:count] for step in (((user, ""), int(item), 0.01, True), query)]


@pytest.mark.parametrize("encoder", ["als", "pooling"])
def test_a_list_answers_what_it_is_there_for(make_world: MakeWorld, encoder: str) -> None:
    world = world_of(make_world, encoder, 2, dimension=16)
    assert replay(world, small_events(60, seed=1), max_sessions=10, list_bytes=1 << 26) > 15


def test_an_item_seen_in_another_session_only_comes_back(make_world: MakeWorld) -> None:
    """A list made with a session must not lack what only that session has seen."""
    world = world_of(make_world, "pooling", 2)
    query = {"subject": ("u1", ""), "k": 10, "exclude": [], "exclude_seen": True, "recent_events": []}
    first = world.engine()
    first.apply([(1, "u1", "", "i0", 0.01, True)])
    best = answer(first, query)[0][0]
    steps = [
        (("u1", ""), 0, 0.01, True),
        (("", "s0"), best, 0.01, True),
        query | {"subject": ("u1", "s0")},
        query,
        query | {"exclude": [f"i{best}"]},
        query,
    ]
    assert replay(world, steps, max_sessions=10, list_bytes=1 << 26) >= 3


def test_a_session_that_was_dropped_begins_anew(make_world: MakeWorld) -> None:
    world = world_of(make_world, "pooling", 2)
    query = {"subject": ("", "s0"), "k": 10, "exclude": [], "exclude_seen": True, "recent_events": []}
    touch = ("", "s0"), 5, 1.0, False
    steps = [touch, query]
    engine = world.engine()
    engine.apply([(1, "", "s0", "i5", 1.0, False)])
    best = answer(engine, query)[0][0]
    steps += [(("", "s0"), best, 0.001, True), query, (("", "s1"), 3, 1.0, True), touch, query]
    assert replay(world, steps, max_sessions=1, list_bytes=1 << 26) == 1


def test_lists_stay_within_their_memory(make_world: MakeWorld) -> None:
    world = world_of(make_world, "pooling", 2)
    engine = world.engine(kept_list_bytes=1 << 16, **KEEP)
    for number in range(1, 201):
        engine.apply([(number, f"user-{number}", "", f"i{number}", 1.0, True)])
        engine.recommend(user_id=f"user-{number}")
        assert engine.stats()["list_bytes"] <= 1 << 16
    assert engine.stats()["list_bytes"] > 1 << 14
    assert engine.stats()["list_queries"] == 200


def test_lists_beside_events_and_other_queries(make_world: MakeWorld) -> None:
    """While one thread applies events, others ask; afterwards both engines answer alike."""
    world = world_of(make_world, "als", 2, dimension=16)
    kept, plain = world.engine(kept_list_bytes=1 << 17, **KEEP), world.engine(kept_list_bytes=0)
    steps = [step for seed, user in enumerate(["u0", "u1", "u2"]) for step in small_events(60, seed=seed, user=user)]
    queries = [step for step in steps if isinstance(step, dict)]
    events = [step for step in steps if not isinstance(step, dict)]

    def ask(seed: int) -> None:
        for number in np.random.default_rng(seed).integers(0, len(queries), 300):
            answer(kept, queries[number])

    with ThreadPoolExecutor(3) as pool:
        asking = [pool.submit(ask, seed) for seed in range(3)]
        for version, ((user, session), item, weight, marks_seen) in enumerate(events, 1):
            for engine in (kept, plain):
                engine.apply([(version, user, session, f"i{item}", weight, marks_seen)])
        for future in asking:
            future.result()
    for query in queries[::20]:
        assert answer(kept, query) == answer(plain, query)
    assert kept.stats()["list_answers"] > 0
