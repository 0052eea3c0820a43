"""Engine.snapshot and Engine.restore."""

import random
import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recstream import _core

MAGIC = b"RSSTATE3"


def random_events(seed: int, count: int, first_version: int = 1) -> list[tuple[int, str, str, str, float, bool, int]]:
    rng = random.Random(seed)
    events = []
    for version in range(first_version, first_version + count):
        user, session = rng.choice([("u1", ""), ("u2", "s1"), ("", "s2"), ("new", "s3"), ("ключ", "")])
        item = rng.choice([f"i{rng.randrange(30)}", f"alien{rng.randrange(3)}"])
        events.append(
            (version, user, session, item, rng.choice([1.0, 0.0, -0.5, 0.1]), rng.random() < 0.7, rng.randrange(2**33))
        )
    return events


def answers(engine: _core.Engine) -> list[object]:
    made = []
    for user in ("", "u1", "u2", "new", "ключ"):
        for session in ("", "s1", "s2", "s3"):
            answer = engine.recommend(user_id=user, session_id=session, k=30)
            made.append((answer.rows, answer.scores, answer.state_version, answer.fallback))
    return made


@pytest.mark.parametrize("encoder", ["als", "pooling"])
@pytest.mark.parametrize("cut", [0, 1, 137, 300])
def test_a_snapshot_and_the_events_after_it_are_the_whole_fold(make_world, encoder: str, cut: int) -> None:
    world = make_world(encoder=encoder)
    events = random_events(cut, 300)
    options = {"max_history": 7, "max_sessions": 2}
    whole = world.engine(**options)
    whole.apply(events)
    first = world.engine(**options)
    first.apply(events[:cut])
    answers(first)
    second = world.engine(**options)
    second.apply(random_events(99, 20, first_version=5000))  # Replaced by what is restored.
    second.restore(first.snapshot())
    second.apply(events[cut:])
    assert answers(second) == answers(whole)
    assert second.snapshot() == whole.snapshot()
    assert second.stats() | {"state_bytes": 0} == whole.stats() | {"state_bytes": 0}


def test_a_snapshot_outlives_the_catalogue(make_world) -> None:
    """Restored under another model, the state is that of the same events folded there from the start."""
    world = make_world()
    other = make_world(items=17, seed=4)
    other.item_ids = [f"i{row}" for row in range(29, 14, -1)] + ["alien1", "alien0"]
    events = random_events(6, 200)
    old, new = world.engine(), other.engine()
    old.apply(events)
    new.apply(events)
    moved = other.engine()
    moved.restore(old.snapshot())
    assert answers(moved) == answers(new)
    assert moved.snapshot() == new.snapshot() == old.snapshot()


def test_smaller_limits_keep_what_is_latest(make_world) -> None:
    world = make_world()
    wide, narrow = world.engine(), world.engine(max_history=3, max_sessions=1)
    events = random_events(1, 100)
    wide.apply(events)
    narrow.restore(wide.snapshot())
    assert narrow.stats()["sessions_in_state"] == 1
    last = next(session for _, _, session, *_ in reversed(events) if session)
    assert narrow.recommend(session_id=last).state_version > 0
    assert narrow.user_vector(user_id="u1")[1] == wide.user_vector(user_id="u1")[1]


def test_a_snapshot_of_nothing(make_world) -> None:
    engine = make_world().engine()
    snapshot = engine.snapshot()
    assert snapshot == MAGIC + struct.pack("<qIQQ", 0, 0, 0, 0)
    engine.apply(random_events(0, 10))
    engine.restore(snapshot)
    assert engine.snapshot() == snapshot
    assert engine.state_version == 0


def test_a_snapshot_is_bytes_that_nobody_can_change_and_outlives_its_engine(make_world) -> None:
    snapshot = snapshot_of(make_world())
    assert (snapshot.readonly, snapshot.format, snapshot.ndim) == (True, "B", 1)
    kept, part = bytes(snapshot), snapshot[8:16]
    with pytest.raises(TypeError, match="read-only"):
        snapshot[0] = 0
    del snapshot
    assert bytes(part) == kept[8:16]
    for same in (kept, bytearray(kept), memoryview(kept)):
        engine = make_world().engine()
        engine.restore(same)
        assert engine.snapshot() == kept
    with pytest.raises(TypeError):
        engine.restore("text")
    with pytest.raises(BufferError):
        engine.restore(memoryview(kept)[::2])


def snapshot_of(world, count: int = 60) -> memoryview:
    engine = world.engine()
    engine.apply(random_events(3, count))
    return engine.snapshot()


def refused_or_whole(world, damaged: bytes) -> None:
    """Restore is all or nothing, and what it accepts is a state like any other."""
    engine = world.engine()
    engine.apply(random_events(2, 5))
    before, answers_before = engine.snapshot(), answers(engine)
    problem = ""
    try:
        engine.restore(damaged)
    except ValueError as error:
        problem = str(error)
    if problem:
        assert "snapshot is damaged" in problem
        assert engine.snapshot() == before
        assert answers(engine) == answers_before
    else:
        again = world.engine()
        again.restore(engine.snapshot())
        assert answers(again) == answers(engine)
    engine.apply([(2**62, "u1", "s1", "i1", 1.0, True)])


def test_every_truncation_is_refused(make_world) -> None:
    world = make_world()
    snapshot = snapshot_of(world, 20)
    engine = world.engine()
    for size in range(len(snapshot)):
        with pytest.raises(ValueError, match="snapshot is damaged"):
            engine.restore(snapshot[:size])
    with pytest.raises(ValueError, match="snapshot is damaged: bytes follow its end"):
        engine.restore(bytes(snapshot) + b"\0")


@settings(max_examples=400, derandomize=True)
@given(data=st.data())
def test_damaged_bytes_are_refused_or_make_a_sound_state(make_world, data: st.DataObject) -> None:
    world = make_world()
    snapshot = bytearray(snapshot_of(world))
    for _ in range(data.draw(st.integers(1, 3))):
        place = data.draw(st.integers(0, len(snapshot) - 1))
        value = data.draw(
            st.sampled_from([b"\xff" * 8, b"\xff" * 4, b"\0" * 8, b"\0", b"\x80", b"\x01\0\0\0", b"\xff"])
        )
        mode = data.draw(st.sampled_from(["replace", "insert", "remove"]))
        snapshot[place : place + (0 if mode == "insert" else len(value))] = b"" if mode == "remove" else value
    refused_or_whole(world, bytes(snapshot))


@settings(max_examples=200, derandomize=True)
@given(tail=st.binary(max_size=200))
def test_arbitrary_bytes_are_refused_or_make_a_sound_state(make_world, tail: bytes) -> None:
    refused_or_whole(make_world(), tail)
    refused_or_whole(make_world(), MAGIC + tail)
    refused_or_whole(make_world(), MAGIC + struct.pack("<qI", 2**40, 0) + tail)


def state(version: int, touched: list[tuple[float, ...]], seen: list[int]) -> bytes:
    """Touched are (item, weight[, time[, version]]); by default they rise by one up to the state's."""
    made = struct.pack("<qI", version, len(touched))
    for place, (item, weight, *rest) in enumerate(touched, start=1):
        time, touched_version = (*rest, *(7, version - len(touched) + place)[len(rest) :])
        made += struct.pack("<Idqq", int(item), weight, int(time), int(touched_version))
    return made + struct.pack(f"<I{len(seen)}I", len(seen), *seen)


def text(content: bytes) -> bytes:
    return struct.pack("<I", len(content)) + content


def crafted(users: list[bytes], *, version: int = 9, items: tuple[bytes, ...] = (b"i1", b"i2")) -> bytes:
    head = MAGIC + struct.pack("<qI", version, len(items)) + b"".join(text(item) for item in items)
    return head + struct.pack("<Q", len(users)) + b"".join(users) + struct.pack("<Q", 0)


def test_a_crafted_snapshot_is_accepted(make_world) -> None:
    engine = make_world().engine()
    engine.restore(crafted([text(b"a") + state(2, [(1, 0.5), (0, 2.0)], [0])]))
    assert engine.user_vector(user_id="a")[1] == 1
    assert engine.recommend(user_id="a").state_version == 2


@pytest.mark.parametrize(
    ("damaged", "problem"),
    [
        (b"RSSTATE2" + bytes(28), "or of another version"),
        (crafted([], version=-1), "state_version is negative"),
        (crafted([], items=(b"i1", b"i1")), "an item id repeats"),
        (crafted([], items=(b"",)), "an item id is empty or not UTF-8"),
        (crafted([], items=(b"\xff",)), "an item id is empty or not UTF-8"),
        (crafted([text(b"") + state(1, [], [])]), "an id is empty or not UTF-8"),
        (crafted([text(b"\xff") + state(1, [], [])]), "an id is empty or not UTF-8"),
        (crafted([text(b"a") + state(1, [], []), text(b"a") + state(2, [], [])]), "an id repeats"),
        (crafted([text(b"a") + state(2, [], []), text(b"b") + state(1, [], [])]), "versions do not rise"),
        (crafted([text(b"a") + state(2, [], []), text(b"b") + state(2, [], [])]), "versions do not rise"),
        (crafted([text(b"a") + state(0, [], [])]), "versions do not rise"),
        (crafted([text(b"a") + state(10, [], [])]), "versions do not rise"),
        (crafted([text(b"a") + state(1, [(2, 1.0)], [])]), "an item number is out of range"),
        (crafted([text(b"a") + state(2, [(0, 1.0), (0, 1.0)], [])]), "an item repeats within a state"),
        (crafted([text(b"a") + state(1, [], [1, 1])]), "an item repeats within a state"),
        (crafted([text(b"a") + state(1, [(0, np.nan)], [])]), "a weight is not finite"),
        (crafted([text(b"a") + state(1, [(0, np.inf)], [])]), "a weight is not finite"),
        (crafted([text(b"a") + state(1, [(0, 1.0, -1)], [])]), "a time is negative"),
        (crafted([text(b"a") + state(1, [(0, 1.0, 7, 0)], [])]), "versions of items do not rise"),
        (crafted([text(b"a") + state(1, [(0, 1.0, 7, 2)], [])]), "versions of items do not rise"),
        (crafted([text(b"a") + state(3, [(0, 1.0, 7, 2), (1, 1.0, 7, 2)], [])]), "versions of items do not rise"),
        (MAGIC + struct.pack("<qI", 1, 2**32 - 1), "a count is too large"),
        (MAGIC + struct.pack("<qIQ", 1, 0, 2**64 - 1), "a count is too large"),
    ],
)
def test_what_no_engine_writes_is_refused(make_world, damaged: bytes, problem: str) -> None:
    engine = make_world().engine()
    with pytest.raises(ValueError, match=problem):
        engine.restore(damaged)


def test_only_bytes_are_restored(make_world) -> None:
    with pytest.raises(TypeError):
        make_world().engine().restore("text")
