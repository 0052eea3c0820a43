import pytest

from recstream.errors import ConfigurationError
from recstream.event_types import DEFAULT_EVENT_TYPES, EventType, EventTypes


@pytest.mark.parametrize(
    ("event_type", "value", "weight", "marks_seen"),
    [
        ("view", None, 0.5, True),
        ("click", None, 1.0, True),
        ("like", None, 2.0, True),
        ("add_to_cart", None, 2.0, True),
        ("purchase", 12.5, 3.0, True),
        ("rating", None, 1.0, True),
        ("rating", 5.0, 1.0, True),
        ("rating", 3.0, 1.0, True),
        ("rating", 2.5, -1.0, True),
        ("dislike", None, -2.0, True),
        ("hide", None, -2.0, True),
        ("impression", None, 0.0, False),
        ("never configured", 1.0, 0.0, False),
    ],
)
def test_what_an_event_is_worth(event_type: str, value: float | None, weight: float, marks_seen: bool) -> None:
    assert EventTypes().resolve(event_type, value) == (weight, marks_seen)


def test_names_are_those_of_the_table() -> None:
    types = EventTypes([EventType("play", 1.0), EventType("skip", -0.5)])
    assert types.names == ("play", "skip")
    assert "play" in types
    assert "view" not in types


def test_a_name_given_twice_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="event_types: play is given twice"):
        EventTypes([EventType("play", 1.0), EventType("skip", -1.0), EventType("play", 2.0)])


def test_the_fingerprint_follows_the_table_and_not_its_order() -> None:
    tables = [
        DEFAULT_EVENT_TYPES,
        DEFAULT_EVENT_TYPES[1:],
        [EventType("play", 1.0)],
        [EventType("play", 2.0)],
        [EventType("play", 1.0, marks_seen=False)],
        [EventType("play", 1.0, positive_from=3.0)],
        [EventType("replay", 1.0)],
    ]
    assert len({EventTypes(table).fingerprint for table in tables}) == len(tables)
    assert EventTypes(reversed(DEFAULT_EVENT_TYPES)).fingerprint == EventTypes().fingerprint


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), -1.1e6, 1e300])
def test_a_weight_that_the_engine_cannot_hold_is_refused(weight: float) -> None:
    with pytest.raises(ConfigurationError, match=r"weight of play is .* give a number from -1000000 to 1000000"):
        EventTypes([EventType("play", weight)])


@pytest.mark.parametrize("positive_from", [float("nan"), float("-inf")])
def test_a_limit_that_is_no_number_is_refused(positive_from: float) -> None:
    with pytest.raises(ConfigurationError, match="positive_from of play"):
        EventTypes([EventType("play", 1.0, positive_from=positive_from)])
