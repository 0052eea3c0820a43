"""The cleaning pipeline: what goes, what stays, and what is told of it."""

from datetime import time

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from recstream_trainer.datasets import CleaningRules, CleaningStep, Dataset
from recstream_trainer.datasets.cleaning import clean, k_core
from recstream_trainer.datasets.raw_tables import RawTables

from recstream.errors import DataError


def cleaned(rules: CleaningRules | None = None, items: pl.DataFrame | None = None, **columns: list[object]) -> Dataset:
    return clean("x", RawTables(pl.DataFrame(columns, strict=False), items), rules or CleaningRules())


def pairs(dataset: Dataset) -> list[tuple[str, str]]:
    rows = dataset.interactions.select("user", "item").rows()
    return [(dataset.user_ids[user], dataset.item_ids[item]) for user, item in rows]


def step(dataset: Dataset, name: str) -> CleaningStep:
    return next(step for step in dataset.cleaning.steps if step.name.startswith(name))


def test_codes_follow_first_appearance() -> None:
    dataset = cleaned(user=["v", "u", "v"], item=["b", "a", "a"])
    assert dataset.user_ids == ["v", "u"]
    assert dataset.item_ids == ["b", "a"]
    assert dataset.interactions.schema == {"user": pl.Int32, "item": pl.Int32, "weight": pl.Float32}
    assert dataset.interactions.select("user", "item").rows() == [(0, 0), (1, 1), (0, 1)]


def test_every_bad_row_is_counted_with_examples() -> None:
    dataset = cleaned(
        user=["u", " ", None, "v", "w", "u", "x" * 129, "v", "v"],
        item=["a", "a", "b", "", "b", "b", "a", "b", "b"],
        rating=["5", "4", "3", "2", "none", "inf", "1", "3", "3"],
        timestamp=["1", "2", "3", "4", "5", "6", "7", "tomorrow", "9"],
    )
    assert pairs(dataset) == [("u", "a"), ("v", "b")]
    assert [(step.name, step.dropped) for step in dataset.cleaning.steps[:4]] == [
        ("a user and an item", 3),
        ("ids of at most 128 bytes", 1),
        ("a finite rating", 2),
        ("a timestamp", 1),
    ]
    assert dataset.cleaning.steps[0].examples[0] == "row 2: user= , item=a, rating=4, timestamp=2"
    assert len(dataset.cleaning.steps[0].examples) == 3
    assert dataset.cleaning.steps[2].examples[0].startswith("row 5: ")
    assert dataset.cleaning.rows_read == 9


def test_a_copy_with_the_same_time_is_one_event() -> None:
    dataset = cleaned(user=["u", "u", "u", "v"], item=["a", "a", "a", "b"], timestamp=[1, 1, 2, 3])
    assert step(dataset, "no exact copy").dropped == 1
    assert dataset.interactions["weight"].to_list() == [2.0, 1.0]


def test_the_newest_rating_counts() -> None:
    dataset = cleaned(user=["u", "u", "v"], item=["a", "a", "b"], rating=[5, 1, 4], timestamp=[20, 10, 1])
    assert dataset.interactions["rating"].to_list() == [5.0, 4.0]
    assert dataset.interactions["timestamp"].to_list() == [20, 1]


@pytest.mark.parametrize(
    ("repeats", "kept"),
    [("last", (0, 0, 30, 4.0)), ("first", (0, 0, 10, 2.0)), ("sum", (0, 0, 30, 9.0))],
)
def test_repeats_follow_the_rule(repeats: str, kept: tuple[object, ...]) -> None:
    rules = CleaningRules(repeats=repeats)  # type: ignore[arg-type]
    dataset = cleaned(
        rules, user=["u", "u", "u", "v"], item=["a", "a", "a", "b"], timestamp=[20, 30, 10, 5], weight=[3, 4, 2, 1]
    )
    assert dataset.interactions.select("user", "item", "timestamp", "weight").rows() == [kept, (1, 1, 5, 1.0)]


def test_rows_stay_in_the_order_of_the_source() -> None:
    dataset = cleaned(user=["u", "v", "u", "v"], item=["a", "b", "b", "a"], timestamp=[4, 3, 2, 1])
    assert dataset.interactions["timestamp"].to_list() == [4, 3, 2, 1]


def test_types_weigh_as_the_table_says() -> None:
    dataset = cleaned(
        user=["u", "v", "u", "v", "w"],
        item=["a", "a", "b", "b", "b"],
        type=["view", "PURCHASE", "hide", "impression", "wave"],
    )
    assert pairs(dataset) == [("u", "a"), ("v", "a"), ("w", "b")]
    assert dataset.interactions["weight"].to_list() == [0.5, 3.0, 1.0]


def test_type_and_weight_multiply() -> None:
    dataset = cleaned(user=["u", "v"], item=["a", "b"], type=["purchase", "view"], weight=[2, 4])
    assert dataset.interactions["weight"].to_list() == [6.0, 2.0]


def test_low_ratings_go_after_the_newest_is_known() -> None:
    rules = CleaningRules(min_rating=3)
    dataset = cleaned(
        rules, user=["u", "u", "v", "w"], item=["a", "a", "b", "a"], rating=[5, 2, 4, 3], timestamp=[1, 2, 3, 4]
    )
    assert pairs(dataset) == [("v", "b"), ("w", "a")]


def test_attributes_align_with_codes() -> None:
    items = pl.DataFrame({"item": ["a", "c", "b", "b"], "title": ["A", "C", "B", "other"]})
    dataset = cleaned(items=items, user=["u", "v", "u"], item=["b", "x", "a"])
    assert dataset.item_ids == ["b", "x", "a"]
    assert dataset.items.rows() == [("B",), (None,), ("A",)]


def test_without_attributes_items_have_no_columns() -> None:
    assert cleaned(user=["u", "v"], item=["a", "b"]).items.columns == []


def test_an_empty_result_says_where_the_rows_went() -> None:
    with pytest.raises(DataError, match=r"no rows are left.*of 2 rows read, 2 lacked a finite rating \(row 1: user=u"):
        cleaned(user=["u", "v"], item=["a", "b"], rating=["bad", "worse"])


@pytest.mark.parametrize("values", [[["a"], ["b"]], [b"a", b"b"], [{"a": 1}, {"a": 2}], [time(1), time(2)]])
def test_a_column_of_another_kind_is_refused(values: list[object]) -> None:
    with pytest.raises(DataError, match=r"x: the column for the user holds .*; give it as text, numbers or dates"):
        cleaned(user=values, item=["a", "b"])


@pytest.mark.parametrize(("user", "item", "only"), [(["u", "u"], ["a", "b"], "user"), (["u", "v"], ["a", "a"], "item")])
def test_a_single_user_or_item_is_refused(user: list[object], item: list[object], only: str) -> None:
    with pytest.raises(DataError, match=f"is the only {only}, of 2 rows read; at least two are needed"):
        cleaned(user=user, item=item)


def test_fingerprints_tell_data_apart() -> None:
    base = cleaned(user=["u", "v"], item=["a", "b"], rating=[1, 2])
    assert base.fingerprint == cleaned(user=["u", "v"], item=["a", "b"], rating=["1", "2.0"]).fingerprint
    others = [
        cleaned(user=["u", "v"], item=["a", "b"], rating=[1, 3]),
        cleaned(user=["v", "u"], item=["b", "a"], rating=[2, 1]),
        cleaned(user=["u", "w"], item=["a", "b"], rating=[1, 2]),
        cleaned(user=["u", "v"], item=["a", "b"]),
    ]
    assert base.fingerprint not in [other.fingerprint for other in others]


rows = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), max_size=60)


@given(rows, st.integers(1, 4), st.integers(1, 4))
def test_the_core_is_the_largest_that_holds(rows: list[tuple[int, int]], min_user: int, min_item: int) -> None:
    keep = k_core(
        np.array([user for user, _ in rows], dtype=np.int64),
        np.array([item for _, item in rows], dtype=np.int64),
        min_user,
        min_item,
    )
    left = list(rows)
    while True:
        users = [user for user, _ in left]
        items = [item for _, item in left]
        fewer = [(u, i) for u, i in left if users.count(u) >= min_user and items.count(i) >= min_item]
        if fewer == left:
            break
        left = fewer
    assert [row for row, kept in zip(rows, keep, strict=True) if kept] == left


def test_a_core_is_reported() -> None:
    rules = CleaningRules(min_user_interactions=2, min_item_interactions=2)
    dataset = cleaned(rules, user=["u", "u", "v", "v", "w"], item=["a", "b", "a", "b", "a"])
    assert pairs(dataset) == [("u", "a"), ("u", "b"), ("v", "a"), ("v", "b")]
    assert dataset.cleaning.steps[-1].examples == ("row 5: user=w, item=a, weight=1.0",)
