"""Impressions, and what came of them."""

from collections.abc import Callable
from typing import Any

import polars as pl
import pytest
from recstream_trainer.online.impressions import Kinds, find_impressions

from recstream.errors import DataError

Fixture = Callable[..., Any]
NEW = ("new-als", "ba9876543210")


def outcomes(shown: pl.DataFrame) -> list[tuple[str, str, bool, bool]]:
    return shown.select("person", "item", "clicked", "converted").rows()


def test_clicks_count_for_the_impression_of_their_token(logged: Fixture, event: Fixture) -> None:
    events, _ = logged(
        event("impression", "u", "a"),
        event("impression", "u", "a", model=NEW),
        event("impression", "u", "b"),
        event("impression", "v", "a"),
        event("click", "u", "a"),
        event("click", "u", "a"),
        event("click", "v", "b"),
        event("purchase", "u", "a", model=None),
        event("purchase", "w", "a", model=None),
    )
    found = find_impressions(events, Kinds())
    assert outcomes(found.shown) == [
        ("uu", "a", True, False),
        ("uu", "a", False, True),  # without a token: the newest impression before
        ("uu", "b", False, False),
        ("uv", "a", False, False),
    ]
    assert found.shown["model"].to_list() == ["old-als", "new-als", "old-als", "old-als"]
    assert (found.unmatched_clicks, found.unmatched_conversions) == (1, 1)


def test_an_item_shown_again_from_the_same_state_is_one_impression(logged: Fixture, event: Fixture) -> None:
    events, _ = logged(
        event("impression", "u", "a"),
        event("impression", "u", "a"),
        event("click", "u", "x"),
        event("impression", "u", "a", state=3),
        event("click", "u", "a", state=3),
    )
    assert outcomes(find_impressions(events, Kinds()).shown) == [("uu", "a", False, False), ("uu", "a", True, False)]


@pytest.mark.parametrize("token", ["", "made up", "bWwtMTAway1hbHNAM2Y5YTBjNTFkMmU0.99", "\x1b[31m"])
def test_what_no_server_made_counts_for_no_model(logged: Fixture, event: Fixture, token: str) -> None:
    """The third says that it reflects an event that had not come."""
    events, _ = logged(*(event(kind, "u", "a", token=token) for kind in ("impression", "impression", "click")))
    found = find_impressions(events, Kinds())
    assert found.shown["model"].to_list() == [None, None]
    assert found.shown["state_version"].to_list() == [None, None]
    assert found.shown["clicked"].to_list() == [False, True]


def test_late_and_early_clicks_do_not_count(logged: Fixture, event: Fixture) -> None:
    events, _ = logged(
        event("click", "u", "a"),
        event("impression", "u", "a"),
        event("impression", "u", "b"),
        event("click", "u", "a", hour=2.1),
        event("click", "u", "b", hour=1.9),
    )
    found = find_impressions(events, Kinds(within_s=7200))
    assert outcomes(found.shown) == [("uu", "a", False, False), ("uu", "b", True, False)]
    assert found.unmatched_clicks == 2


def test_places_come_from_attributes_or_the_order_of_the_log(logged: Fixture, event: Fixture) -> None:
    said = '{"place":9,"position":4.0,"propensity":0.25,"score":-1.5}'
    events, _ = logged(
        event("impression", "u", "a", session_id="s"),
        event("impression", "v", "z"),
        event("impression", "u", "b", attributes=said),
        event("impression", "u", "c", attributes='{"position":"first","propensity":true}'),
        event("impression", "u", "d", attributes='{"position":0}'),
        event("impression", "", "e", session_id="u"),
    )
    shown = find_impressions(events, Kinds()).shown
    assert shown["position"].to_list() == [1, 1, 4, 3, 4, 1]
    assert shown["propensity"].to_list() == [None, None, 0.25, None, None, None]
    assert shown["score"].to_list() == [None, None, -1.5, None, None, None]
    assert shown["person"].to_list() == ["uu", "uv", "uu", "uu", "uu", "su"]


def test_other_types_can_be_named(logged: Fixture, event: Fixture) -> None:
    events, _ = logged(event("seen", "u", "a"), event("like", "u", "a"), event("add_to_cart", "u", "a"))
    kinds = Kinds(("seen",), ("click", "like"), ("purchase", "add_to_cart"))
    assert outcomes(find_impressions(events, kinds).shown) == [("uu", "a", True, True)]
    with pytest.raises(DataError, match=r"no event of the type impression; it has .*seen"):
        find_impressions(events, Kinds())
    with pytest.raises(DataError, match="'seen' is given twice"):
        find_impressions(events, Kinds(("seen",), ("seen",)))
