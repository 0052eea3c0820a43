"""The hold-outs: nothing in two parts, nothing from the future, and the sizes and figures that were published."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from recstream_trainer.datasets import CleaningRules, Dataset
from recstream_trainer.datasets.cleaning import clean
from recstream_trainer.datasets.raw_tables import RawTables
from recstream_trainer.evaluation import Interactions, Split, evaluate_ranking, holdout_by_time, split
from recstream_trainer.evaluation.protocols import require_protocol

from recstream.errors import DataError


def dataset(**columns: list[object]) -> Dataset:
    return clean("x", RawTables(pl.DataFrame(columns)), CleaningRules())


def dense(seed: int = 0, users: int = 12, items: int = 9, rating: int | None = None) -> Dataset:
    """Everybody with everything, at random times of which many are equal."""
    random = np.random.default_rng(seed)
    cells = random.permutation(users * items)
    columns: dict[str, list[object]] = {
        "user": [f"u{cell // items}" for cell in cells],
        "item": [f"i{cell % items}" for cell in cells],
        "timestamp": random.integers(0, 20, len(cells)).tolist(),
    }
    columns["rating"] = (np.full(len(cells), rating) if rating else random.integers(1, 6, len(cells))).tolist()
    return dataset(**columns)


def pairs(part: Interactions, of: Split) -> set[tuple[str, str]]:
    rows = zip(part.users.tolist(), part.items.tolist(), strict=True)
    return {(of.user_ids[user], of.item_ids[item]) for user, item in rows}


def history(data: Dataset, user: str) -> list[str]:
    """Items of a user, oldest first, equal times in the order of the source."""
    rows = data.interactions.filter(pl.col("user") == data.user_ids.index(user))
    ordered = sorted(rows.rows(named=True), key=lambda row: row["timestamp"])
    return [data.item_ids[row["item"]] for row in ordered]


def test_a_takes_the_last_two_items_by_time() -> None:
    data = dense()
    parts = split(data, "A", 0)
    for user, name in enumerate(parts.user_ids):
        items = history(data, name)
        assert [parts.item_ids[item] for item in parts.train.of(user)] == items[:-2]
        assert [parts.item_ids[item] for item in parts.validation.of(user)] == [items[-2]]
        assert [parts.item_ids[item] for item in parts.test.of(user)] == [items[-1]]
        assert [parts.item_ids[item] for item in parts.before_test.of(user)] == items[:-1]
    assert parts.final_fit == "train"


def test_codes_lead_back_to_the_data_set() -> None:
    data = dense(rating=5)
    for parts in (split(data, "A", 0), split(data, "C", 0), holdout_by_time(data, 0)):
        assert [data.user_ids[code] for code in parts.user_codes] == parts.user_ids
        assert [data.item_ids[code] for code in parts.item_codes] == parts.item_ids


def test_a_leaves_out_the_rare() -> None:
    data = dense(users=6, items=6, rating=5)
    rare = pl.DataFrame({"user": ["u0", "new"], "item": ["only", "i0"], "timestamp": [99, 99], "rating": [5, 5]})
    known = pl.DataFrame(
        {
            "user": [data.user_ids[user] for user in data.interactions["user"]],
            "item": [data.item_ids[item] for item in data.interactions["item"]],
            "timestamp": data.interactions["timestamp"],
            "rating": data.interactions["rating"].cast(pl.Int64),
        }
    )
    more = clean("x", RawTables(pl.concat([known, rare])), CleaningRules())
    parts = split(more, "A", 0)
    assert "new" not in parts.user_ids
    assert "only" not in parts.item_ids
    assert len(parts.train) + len(parts.validation) + len(parts.test) == data.interactions.height


def test_a_needs_times() -> None:
    with pytest.raises(DataError, match="x: protocol A needs timestamps; name their column, or use protocol C"):
        split(dataset(user=["u", "v"], item=["a", "b"]), "A", 0)


def test_a_tells_when_the_core_is_empty() -> None:
    with pytest.raises(DataError, match="keeps users and items with 5 interactions, and there are none"):
        split(dataset(user=["u", "v"], item=["a", "b"], timestamp=[1, 2]), "A", 0)


@given(st.lists(st.integers(1, 35), min_size=2, max_size=6), st.integers(0, 9))
def test_c_deals_tenths_as_recbole_does(sizes: list[int], seed: int) -> None:
    users = [f"u{user}" for user, size in enumerate(sizes) for _ in range(size)]
    items = [f"i{item}" for size in sizes for item in range(size)] if max(sizes) > 1 else [f"i{u}" for u in users]
    data = dataset(user=users, item=items, rating=[4] * len(users))
    parts = split(data, "C", seed)
    found = pairs(parts.train, parts), pairs(parts.validation, parts), pairs(parts.test, parts)
    assert sum(map(len, found)) == len(set.union(*found)) == len(users)
    for user, size in enumerate(sizes):
        code = parts.user_ids.index(f"u{user}")
        tenth = int(0.1 * size)
        held = (tenth, tenth) if tenth else (int(size > 2), int(size > 1))
        assert (parts.validation.counts[code], parts.test.counts[code]) == held
        assert parts.train.counts[code] == size - sum(held)


def test_c_takes_ratings_of_three_or_more() -> None:
    data = dense()
    parts = split(data, "C", 1)
    positives = data.interactions.filter(pl.col("rating") >= 3)
    expected = {(data.user_ids[user], data.item_ids[item]) for user, item in positives.select("user", "item").rows()}
    assert set.union(*(pairs(part, parts) for part in (parts.train, parts.validation, parts.test))) == expected
    with pytest.raises(DataError, match="protocol C takes ratings of 3 or more, and there are none"):
        split(dense(rating=2), "C", 0)


def test_c_without_ratings_takes_everything() -> None:
    data = dataset(user=["u", "v", "u"], item=["a", "b", "b"])
    parts = split(data, "C", 0)
    assert len(parts.train) + len(parts.validation) + len(parts.test) == 3


def test_c_follows_its_seed() -> None:
    data = dense(rating=5)
    first, again, other = split(data, "C", 1), split(data, "C", 1), split(data, "C", 2)
    assert pairs(first.test, first) == pairs(again.test, again)
    assert pairs(first.test, first) != pairs(other.test, other)


def test_histories_stay_in_order_under_c() -> None:
    data = dense(rating=5)
    parts = split(data, "C", 3)
    for user, name in enumerate(parts.user_ids):
        items = history(data, name)
        places = [items.index(parts.item_ids[item]) for item in parts.train.of(user)]
        assert places == sorted(places)


def test_weights_travel_with_their_rows() -> None:
    data = dataset(user=["u", "u", "v"], item=["a", "b", "a"], weight=[2.0, 3.0, 4.0])
    parts = holdout_by_time(data, 0)
    assert parts.train.weights.tolist() == [2.0, 3.0, 4.0]


def test_plain_training_holds_out_the_newest_of_some_users() -> None:
    data = dense()
    parts = holdout_by_time(data, 4, max_users=5)
    assert parts.protocol is None
    assert len(parts.test) == 0
    assert parts.validation.active_users == len(parts.validation) == 5
    assert len(parts.train) + 5 == data.interactions.height
    for user in np.flatnonzero(parts.validation.counts).tolist():
        assert parts.item_ids[parts.validation.of(user)[0]] == history(data, parts.user_ids[user])[-1]
    other = holdout_by_time(data, 5, max_users=5)
    assert pairs(other.validation, other) != pairs(parts.validation, parts)


def test_users_with_two_items_keep_them() -> None:
    parts = holdout_by_time(dataset(user=["u", "u", "v"], item=["a", "b", "a"]), 0)
    assert len(parts.validation) == 0
    assert len(parts.train) == 3


@settings(max_examples=40)
@given(st.integers(2, 8), st.integers(5, 30), st.integers(0, 99))
def test_e_never_shows_a_cold_item_before_the_test(users: int, items: int, seed: int) -> None:
    data = dense(seed, users, items, rating=4)
    parts = split(data, "E", seed)
    cold, tuned = parts.test_items, parts.validation_items
    assert cold is not None
    assert tuned is not None
    assert cold.sum() == 2 * max(1, items // 10) == 2 * tuned.sum()
    assert not (cold & tuned).any()
    assert not cold[parts.before_test.items].any()
    assert not tuned[parts.train.items].any()
    assert cold[parts.test.items].all()
    assert tuned[parts.validation.items].all()
    assert [data.item_ids[code] for code in parts.item_codes] == parts.item_ids
    found = [pairs(part, parts) for part in (parts.train, parts.validation, parts.test)]
    assert sum(map(len, found)) == len(set.union(*found)) == users * items


def test_e_leaves_out_who_has_nothing_to_be_known_by() -> None:
    data = dataset(user=["u"] * 10 + [f"v{item}" for item in range(10)], item=[f"i{item}" for item in range(10)] * 2)
    parts = split(data, "E", 3)
    assert (parts.train.counts > 0).all()
    assert len(parts.user_ids) == 1 + 7
    assert len(parts.test) == 2


def test_e_follows_its_seed_and_mixes_the_rows() -> None:
    data = dense(rating=5, items=40)
    first, again, other = split(data, "E", 1), split(data, "E", 1), split(data, "E", 2)
    assert first.item_ids == again.item_ids
    assert pairs(first.test, first) == pairs(again.test, again) != pairs(other.test, other)
    assert first.item_codes.tolist() != sorted(first.item_codes.tolist())


@settings(max_examples=40)
@given(st.integers(4, 12), st.integers(5, 20), st.integers(0, 99))
def test_f_learns_from_a_part_of_what_a_larger_share_learns_from_and_tests_on_neither(
    users: int, items: int, seed: int
) -> None:
    data = dense(seed, users, items, rating=4)
    positives = users * items
    small, large = (split(data, "F", seed, share=share) for share in (0.1, 0.2))
    for parts, share in ((small, 0.1), (large, 0.2)):
        assert len(parts.before_test) == round(share * positives)
        assert (parts.before_test.counts > 0).all()
        assert (parts.train.counts > 0).all()
        assert (parts.validation.counts == (parts.before_test.counts > 2)).all()
        assert len(pairs(parts.before_test, parts) & pairs(parts.test, parts)) == 0
        assert sorted(parts.item_ids) == sorted(data.item_ids)
    assert pairs(small.before_test, small) <= pairs(large.before_test, large)
    assert pairs(small.test, small) <= pairs(large.test, large)
    assert not pairs(large.before_test, large) & pairs(small.test, small)
    whole = len(large.test) == positives - round(0.2 * positives)
    assert whole == (len(large.user_ids) == users)


def test_f_needs_something_to_learn_from() -> None:
    with pytest.raises(DataError, match=r"x: 0\.001 of its 108 positives leave nobody to learn from and judge"):
        split(dense(rating=5), "F", 0, share=0.001)


def test_e_needs_items_to_hold_out() -> None:
    with pytest.raises(DataError, match="x: protocol E holds out items, and there are only 3"):
        split(dense(items=3, rating=5), "E", 0)


def test_a_protocol_has_a_letter() -> None:
    assert require_protocol("c") == "C"
    with pytest.raises(DataError, match="protocol 'Z' is not one of A, C, E"):
        require_protocol("Z")


def popular(parts: Split) -> "dict[str, float]":
    counts = np.bincount(parts.train.items, minlength=len(parts.item_ids)).astype(np.float32)

    def score(users: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.tile(counts, (len(users), 1))

    return evaluate_ranking(score, parts.before_test, parts.test, (10,))


def test_a_on_ml_1m_has_the_published_size_and_popularity_figures(ml_1m: Dataset) -> None:
    parts = split(ml_1m, "A", 0)
    assert (len(parts.user_ids), len(parts.item_ids)) == (6040, 3416)
    assert (len(parts.train), len(parts.validation), len(parts.test)) == (999_611 - 2 * 6040, 6040, 6040)
    metrics = popular(parts)
    assert metrics["hr@10"] == pytest.approx(0.037, abs=5e-4)
    assert metrics["ndcg@10"] == pytest.approx(0.018, abs=5e-4)


def test_c_on_ml_1m_has_the_rows_of_the_recbole_tables(ml_1m: Dataset) -> None:
    parts = split(ml_1m, "C", 0)
    assert len(parts.train) + len(parts.validation) + len(parts.test) == 836_478
    # RecBole counts its padding entry as a user and an item: 6,040 and 3,629 in its tables.
    assert (len(parts.user_ids), len(parts.item_ids)) == (6039, 3628)
