"""What Engine refuses, by name, and without changing anything."""

from typing import Any

import numpy as np
import pytest

from recstream import _core

NAN = np.float32(np.nan)


def changed(array: np.ndarray, place: Any, value: Any) -> np.ndarray:
    copy = array.copy()
    copy[place] = value
    return copy


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda w: {"item_vectors": w.item_vectors[:-1]},
            "item_vectors must have one entry for each of the 30 item_ids",
        ),
        (lambda w: {"item_vectors": changed(w.item_vectors, (4, 1), NAN)}, "row 4 is not finite"),
        (lambda w: {"item_popularity": w.popularity[:-1]}, "item_popularity must have one entry for each of the 30"),
        (lambda w: {"item_popularity": changed(w.popularity, 3, NAN)}, "item_popularity: entry 3 is not finite"),
        (
            lambda w: {"user_vectors": w.user_vectors[:-1]},
            "user_vectors must have one entry for each of the 4 user_ids",
        ),
        (lambda w: {"user_vectors": changed(w.user_vectors, (1, 1), NAN)}, "user_vectors: row 1 is not finite"),
        (lambda w: {"user_vectors": np.ones((4, 6), np.float32)}, "user_vectors have 6 dimensions, item_vectors 5"),
        (lambda w: {"encoder": _core.UserEncoder.constant(np.ones(6, np.float32))}, "encoder makes vectors of 6"),
        (
            lambda w: {"encoder": _core.UserEncoder.decayed_pooling(w.item_vectors[:9], half_life_events=1.0)},
            "encoder was made for 9 items, there are 30",
        ),
        (lambda w: {"encoder": None}, "encoder: give one, or neighbours"),
        (lambda w: {"max_history": 0}, "max_history must be at least 1, got 0"),
        (lambda w: {"max_sessions": 0}, "max_sessions must be at least 1, got 0"),
        (lambda w: {"kept_list_min_items": -1}, "kept_list_min_items must be at least 0, got -1"),
        (lambda w: {"kept_list_bytes": -1}, "kept_list_bytes must be at least 0, got -1"),
        (lambda w: {"threads": -1}, "threads must be 0 or more"),
    ],
)
def test_parts_that_do_not_fit_are_refused(make_world, make: Any, message: str) -> None:
    world = make_world()
    with pytest.raises(ValueError, match=message):
        _core.Engine(**world.arguments() | make(world))


@pytest.mark.parametrize(
    ("part", "make", "message"),
    [
        (0, lambda p: p[:-1], "history pointers must have one entry"),
        (0, lambda p: changed(p, 0, 1), "history pointers must go from 0 to 18"),
        (0, lambda p: changed(p, -1, 17), "history pointers must go from 0 to 18"),
        (0, lambda p: changed(p, 2, 15), "history pointers fall at user 2"),
        (0, lambda p: changed(p, 2, 99), "history pointers fall at user 2"),
        (1, lambda p: changed(p, 5, 30), "history rows: entry 5 is 30, not a row of the catalogue"),
        (1, lambda p: changed(p, 5, -1), "history rows: entry 5 is -1"),
        (1, lambda p: p[:-1], "history weights must have one entry for each of the 17 history rows"),
        (2, lambda p: changed(p, 5, NAN), "history weights: entry 5 is not finite"),
    ],
)
def test_histories_that_do_not_fit_are_refused(make_world, part: int, make: Any, message: str) -> None:
    arguments = make_world().arguments()
    history = list(arguments["history"])
    history[part] = make(history[part])
    with pytest.raises(ValueError, match=message):
        _core.Engine(**arguments | {"history": tuple(history)})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"item_vectors": np.ones((30, 5))}, "item_vectors must be a C-contiguous array of float32"),
        ({"item_popularity": np.ones(30)}, "item_popularity must be a C-contiguous array of float32"),
        ({"user_vectors": np.ones((4, 5), np.float16)}, "user_vectors must be a C-contiguous array of float32"),
        ({"history": (np.zeros(5, np.int64), np.zeros(0, np.int32))}, "history must be a tuple"),
        ({"history": (np.zeros(5, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))}, r"history\[0\] must be"),
        ({"history": (np.zeros(5, np.int64), np.zeros(0, np.int64), np.zeros(0, np.float32))}, r"history\[1\] must be"),
        ({"encoder": object()}, "object|incompatible"),
        ({"item_ids": None}, "NoneType|incompatible"),
    ],
)
def test_parts_of_another_type_are_refused(make_world, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        _core.Engine(**make_world().arguments() | arguments)


@pytest.mark.parametrize(
    ("event", "error", "message"),
    [
        ((5, "u", "", "i1", 1.0, True), ValueError, r"events\[1\]: state_version 5 is not above 6"),
        ((6, "u", "", "i1", 1.0, True), ValueError, r"events\[1\]: state_version 6 is not above 6"),
        ((2**63, "u", "", "i1", 1.0, True), ValueError, "a whole number must fit into 64 bits"),
        ((True, "u", "", "i1", 1.0, True), TypeError, "each must be a tuple"),
        ((7, "", "", "i1", 1.0, True), ValueError, r"events\[1\]: needs a user_id or a session_id"),
        ((7, "u", "", "", 1.0, True), ValueError, r"events\[1\]: needs an item_id"),
        ((7, "u", "", "i1", np.nan, True), ValueError, r"events\[1\]: weight must be a float32 number"),
        ((7, "u", "", "i1", 1e39, True), ValueError, r"events\[1\]: weight must be a float32 number"),
        ((7, "u", "", "i1", 1.0), TypeError, "each must be a tuple"),
        ([7, "u", "", "i1", 1.0, True], TypeError, "each must be a tuple"),
        ((7.0, "u", "", "i1", 1.0, True), TypeError, "each must be a tuple"),
        ((7, b"u", "", "i1", 1.0, True), TypeError, "events must be str, got bytes"),
        ((7, "u", "", "i1", "1", True), TypeError, "real number"),
        ((7, "u", "", "i1", 1.0, 1), TypeError, "each must be a tuple"),
    ],
)
def test_events_that_do_not_fit_are_refused_with_all_others(
    make_world, event: Any, error: type[Exception], message: str
) -> None:
    engine = make_world().engine()
    engine.apply([(5, "u", "s", "i0", 1.0, True)])
    before = engine.snapshot()
    with pytest.raises(error, match=message):
        engine.apply([(6, "u", "s", "i2", 1.0, True), event])
    assert engine.snapshot() == before
    assert engine.state_version == 5


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"k": 0}, ValueError, "k must be at least 1, got 0"),
        ({"candidates": ["i1"], "candidate_rows": np.array([1])}, ValueError, "must not be given together"),
        ({"candidate_rows": np.array([0, 30])}, ValueError, "candidate_rows: row 30 is not in the catalogue of 30"),
        ({"candidate_rows": np.array([-2])}, ValueError, "candidate_rows: row -2"),
        ({"candidate_rows": [1]}, TypeError, "candidate_rows must be a C-contiguous array of int64"),
        ({"candidates": "i1"}, TypeError, "candidates must be a sequence of str, got str"),
        ({"exclude": [1]}, TypeError, "exclude must be str, got int"),
        ({"exclude": None}, TypeError, "exclude must be a sequence of str, got NoneType"),
        ({"user_id": None}, TypeError, "user_id must be str, got NoneType"),
        ({"session_id": 1}, TypeError, "session_id must be str, got int"),
        ({"recent_events": [("i1", 1.0)]}, TypeError, "item_id, weight, marks_seen"),
        ({"recent_events": [("i1", np.inf, True)]}, ValueError, r"recent_events\[0\]: weight must be a float32 number"),
        ({"user_id": "\ud800"}, UnicodeEncodeError, "surrogates"),
    ],
)
def test_queries_that_do_not_fit_are_refused(
    make_world, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        make_world().engine().recommend(**arguments)
