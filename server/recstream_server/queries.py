"""What checked requests ask for: the values that pass between validation, the model and the log."""

from collections.abc import Sequence
from typing import Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

FilterCondition: TypeAlias = (
    tuple[str, Literal["equals_any"], list[str] | list[float] | list[bool]]
    | tuple[str, Literal["range"], tuple[float, float]]
    | tuple[str, Literal["exists"], bool]
)
"""Attribute, kind of test, and what to test for, as the core takes them."""


class ItemFilter(NamedTuple):
    """Which items may be in an answer. Checked, but for what depends on the model."""

    path: str
    """Path of the filter in the request, with a dot at the end."""
    all_of: Sequence[FilterCondition]
    any_of: Sequence[FilterCondition]
    none_of: Sequence[FilterCondition]


class RecommendQuery(NamedTuple):
    """A query for a user's best items, of the catalogue or of given ones."""

    user_id: str
    session_id: str
    k: int
    """At least 1."""
    candidates: Sequence[str] | None
    """None: the whole catalogue."""
    exclude: Sequence[str]
    exclude_seen: bool
    recent_events: Sequence[tuple[str, float, bool, int]]
    """(item_id, weight, marks_seen, Unix seconds), oldest first."""
    include_attributes: bool
    min_state_version: int
    item_filter: ItemFilter | None = None
    """None: all items."""
    encoded: tuple[int, NDArray[np.float32]] | None = None
    """State version and the vector that was made of it, for `Engine.recommend`."""


class SimilarQuery(NamedTuple):
    """A query for the neighbours of an item."""

    item_id: str
    k: int
    include_attributes: bool
    item_filter: ItemFilter | None = None
    """None: all items."""


class WatchQuery(NamedTuple):
    """A standing query."""

    recommend: RecommendQuery
    min_interval_s: float


class ListEventsQuery(NamedTuple):
    """A page of a user's events."""

    user_id: str
    page_size: int
    before_version: int | None
    """None: from the newest."""


class ListModelsQuery(NamedTuple):
    """A page of the models."""

    page_size: int
    offset: int
