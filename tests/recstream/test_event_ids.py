"""Ids made for events."""

from recstream.event_ids import new_event_id


def test_ids_are_unique_and_rise_with_the_clock() -> None:
    made = [new_event_id() for _ in range(10_000)]
    assert len(set(made)) == len(made)
    assert {len(one) for one in made} == {32}
    assert [one[:16] for one in made] == sorted(one[:16] for one in made)
