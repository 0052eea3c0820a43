"""Requests answered together: each gets, to the bit, what it gets alone."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recstream import _core
from tests.core.conftest import MakeWorld, World

ITEMS = 300
FILTERS = _core.AttributeTable(
    [("row", _core.AttributeColumn.numbers(np.arange(ITEMS, dtype=np.float64)))], rows=ITEMS, cache_bytes=1 << 20
)
ITEM = st.integers(0, ITEMS + 3).map("i{}".format)
REQUEST = st.fixed_dictionaries(
    {"user_id": st.sampled_from(["u0", "u1", "u2", "stranger", ""])},
    optional={
        "session_id": st.sampled_from(["s0", "s1"]),
        "k": st.sampled_from([1, 3, 10, 60, ITEMS, 0, 1 << 58]),
        "candidates": st.lists(ITEM, max_size=9),
        "candidate_rows": st.lists(st.integers(-1, ITEMS), max_size=5).map(lambda rows: np.array(rows, np.int64)),
        "exclude": st.lists(ITEM, max_size=4),
        "exclude_seen": st.booleans(),
        "recent_events": st.lists(
            st.tuples(ITEM, st.sampled_from([0.2, -0.1, float("nan")]), st.booleans()), max_size=2
        ),
        "allow": st.sampled_from([9.0, 150.0]).map(
            lambda below: FILTERS.compile(all_of=[("row", "range", (0.0, below))])
        ),
    },
)
EVENT = st.tuples(st.sampled_from(["u0", "u1", "new"]), st.sampled_from(["", "s0"]), ITEM)


def outcome(found: _core.Answer | Exception) -> tuple[Any, ...]:
    if isinstance(found, Exception):
        return type(found), str(found)
    scores = np.array(found.scores, np.float32).tobytes()
    return found.rows, scores, found.state_version, found.fallback, found.missing_item_ids


def alone(engine: _core.Engine, request: dict[str, Any]) -> _core.Answer | Exception:
    try:
        return engine.recommend(**request)
    except (ValueError, MemoryError, _core.NotEncodedError) as error:
        return error


def engines(world: World, events: list[tuple[str, str, str]], least: int) -> list[_core.Engine]:
    """Two alike, that one leaves no lists for the other."""
    made = [world.engine(kept_list_min_items=least) for _ in range(2)]
    for engine in made:
        engine.apply([(n, user, session, item, 1.0, True) for n, (user, session, item) in enumerate(events, 1)])
    return made


@settings(max_examples=60, deadline=None)
@given(
    requests=st.lists(REQUEST, max_size=90),
    events=st.lists(EVENT, max_size=12),
    least=st.sampled_from([0, ITEMS + 1]),
    encoder=st.sampled_from(["als", "pooling"]),
)
def test_each_gets_what_it_gets_alone(
    make_world: MakeWorld, requests: list[dict[str, Any]], events: list[tuple[str, str, str]], least: int, encoder: str
) -> None:
    """Whatever is wrong with the others, and whether or not lists answer some of them."""
    together, separate = engines(make_world(items=ITEMS, encoder=encoder), events, least)
    found = together.recommend_many(requests)
    assert list(map(outcome, found)) == [outcome(alone(separate, request)) for request in requests]


@pytest.mark.parametrize("requests", [[{"k": "ten"}], ["u1"], [{"allow": 3}], [{"user": "u1"}]])
def test_what_is_no_request_is_refused(make_world: MakeWorld, requests: list[Any]) -> None:
    with pytest.raises((TypeError, RuntimeError)):
        make_world().engine().recommend_many(requests)
