"""Engine with a filter: K items whenever K are eligible, in every way of asking, against a NumPy oracle."""

from typing import Any

import numpy as np
import pytest

from recstream._core import FALLBACK_POPULAR, AttributeColumn, AttributeTable, CompiledFilter

ITEMS = 600


def below(threshold: float, rows: int = ITEMS) -> CompiledFilter:
    """Rows whose number, shuffled, is below a threshold."""
    shuffled = np.random.default_rng(5).permutation(rows).astype(np.float64)
    table = AttributeTable([("number", AttributeColumn.numbers(shuffled))], rows=rows, cache_bytes=0)
    return table.compile(all_of=[("number", "range", (0.0, threshold - 1.0))])


def rows_of(compiled: CompiledFilter) -> set[int]:
    return set(np.flatnonzero(np.unpackbits(compiled.words.view(np.uint8), bitorder="little")).tolist())


@pytest.fixture(scope="module")
def world(make_world: Any) -> Any:
    return make_world(items=ITEMS, history=40)


@pytest.mark.parametrize("eligible", [600, 300, 60, 6, 1, 0])
def test_recommend_ranks_what_passes(world: Any, exact_scores: Any, eligible: int) -> None:
    allow = below(float(eligible))
    engine = world.engine()
    scores = exact_scores(world.item_vectors, world.user_vectors[1])
    seen = set(world.history_rows[world.pointers[1] : world.pointers[2]].tolist())
    for exclude_seen in (True, False):
        left = rows_of(allow) - (seen if exclude_seen else set())
        expected = sorted(left, key=lambda row: (-scores[row], row))
        for k in (1, 10, ITEMS):
            answer = engine.recommend(user_id="u1", k=k, exclude_seen=exclude_seen, allow=allow)
            assert answer.rows == expected[:k]


@pytest.mark.parametrize("eligible", [300, 6, 0])
def test_popular_items_are_filtered(world: Any, eligible: int) -> None:
    allow = below(float(eligible))
    answer = world.engine().recommend(user_id="nobody", k=10, allow=allow)
    assert answer.fallback == FALLBACK_POPULAR
    assert answer.rows == sorted(rows_of(allow), key=lambda row: (-world.popularity[row], row))[:10]


@pytest.mark.parametrize("user_id", ["u1", "nobody"])
def test_candidates_that_do_not_pass_are_left_out(world: Any, user_id: str) -> None:
    allow = below(100.0)
    candidates = [f"i{row}" for row in range(0, 300, 2)]
    answer = world.engine().recommend(
        user_id=user_id, k=ITEMS, candidates=[*candidates, "unknown"], exclude_seen=False, allow=allow
    )
    assert set(answer.rows) == rows_of(allow) & set(range(0, 300, 2))
    assert answer.missing_item_ids == ["unknown"]
    by_row = world.engine().recommend(
        user_id=user_id, k=ITEMS, candidate_rows=np.arange(0, 300, 2), exclude_seen=False, allow=allow
    )
    assert by_row.rows == answer.rows


@pytest.mark.parametrize("eligible", [300, 6, 0])
def test_similar_items_are_filtered(world: Any, eligible: int) -> None:
    allow = below(float(eligible))
    norms = np.linalg.norm(world.item_vectors, axis=1)
    cosine = world.item_vectors @ world.item_vectors[7] / (norms * norms[7])
    expected = sorted(rows_of(allow) - {7}, key=lambda row: -cosine[row])[:20]
    answer = world.engine().similar("i7", 20, allow=allow)
    assert set(answer.rows) <= rows_of(allow) - {7}
    assert len(answer.rows) == len(expected)
    np.testing.assert_allclose(answer.scores, cosine[expected], atol=1e-6)


def test_a_filter_over_other_rows_is_refused(world: Any) -> None:
    allow = below(5.0, rows=ITEMS - 1)
    message = "filter: was compiled for 599 rows, the catalogue has 600 items"
    with pytest.raises(ValueError, match=message):
        world.engine().recommend(user_id="u1", allow=allow)
    with pytest.raises(ValueError, match=message):
        world.engine().similar("i1", 3, allow=allow)
