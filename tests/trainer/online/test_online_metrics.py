"""Click rates and AUC by model, beside scikit-learn and known rates."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from recstream_trainer.online.impressions import Kinds, find_impressions
from recstream_trainer.online.online_metrics import metrics_by_model
from sklearn.metrics import roc_auc_score

from recstream.errors import DataError

Fixture = Callable[..., Any]
NEW = ("new-als", "ba9876543210")


def traffic(event: Fixture, rng: np.random.Generator, people: int, rate: float, **more: Any) -> list[Any]:
    """Lists of five; each item is clicked at a rate, in random order of places."""
    events = []
    for person in range(people):
        shown = [event("impression", f"p{person}", f"i{item}", **more) for item in rng.permutation(30)[:5]]
        clicked = [event("click", one.user_id, one.item_id, **more) for one in shown if rng.random() < rate]
        events += shown + clicked
    return events


def test_rates_are_those_that_were_put_in(logged: Fixture, event: Fixture) -> None:
    rng = np.random.default_rng(4)
    events, _ = logged(*traffic(event, rng, 800, 0.1), *traffic(event, rng, 300, 0.3, model=NEW))
    old, new = metrics_by_model(find_impressions(events, Kinds()), seed=1)
    assert (old.model, old.version, old.impressions, old.people) == ("old-als", "0123456789ab", 4000, 800)
    assert (new.model, new.impressions) == ("new-als", 1500)
    for metrics, rate in ((old, 0.1), (new, 0.3)):
        assert metrics.ctr.value == metrics.clicks / metrics.impressions
        assert metrics.ctr.low < rate < metrics.ctr.high
        reach = 1.96 * np.sqrt(rate * (1 - rate) / metrics.impressions)
        assert metrics.ctr.high - metrics.ctr.low == pytest.approx(2 * reach, rel=0.25)
        assert metrics.auc.low < 0.5 < metrics.auc.high
        assert metrics.conversion_rate.value == 0


@pytest.mark.parametrize("by_score", [False, True])
def test_auc_is_that_of_scikit_learn_within_answers(logged: Fixture, event: Fixture, by_score: bool) -> None:
    rng = np.random.default_rng(7)
    events, right, pairs = [], 0.0, 0.0
    for person in range(40):
        count = int(rng.integers(2, 9))
        clicks = rng.random(count) < 0.4
        scores = rng.integers(0, 4, count) / 2  # ties
        said = [f'{{"score":{score}}}' if by_score else "" for score in scores]
        events += [event("impression", f"p{person}", f"i{n}", attributes=said[n]) for n in range(count)]
        events += [event("click", f"p{person}", f"i{n}") for n in np.flatnonzero(clicks)]
        if 0 < clicks.sum() < count:
            weight = clicks.sum() * (count - clicks.sum())
            right += weight * roc_auc_score(clicks, scores if by_score else -np.arange(count))
            pairs += weight
    (metrics,) = metrics_by_model(find_impressions(logged(*events)[0], Kinds()), seed=1)
    assert metrics.auc.value == pytest.approx(right / pairs, abs=1e-12)
    assert metrics.auc.low < metrics.auc.value < metrics.auc.high


def test_windows_part_time(logged: Fixture, event: Fixture) -> None:
    """The log begins on 2023-11-14 at 22:13:20."""
    events, _ = logged(
        event("impression", "u", "a"),
        event("click", "u", "a", hour=1),
        event("impression", "v", "a", hour=2),
        event("impression", "w", "b", hour=3, model=NEW),
    )
    found = find_impressions(events, Kinds())
    days = metrics_by_model(found, 1, "1d")
    assert [(one.model, one.start_us, one.impressions, one.clicks) for one in days] == [
        ("new-als", 1_700_006_400_000_000, 1, 0),
        ("old-als", 1_699_920_000_000_000, 1, 1),
        ("old-als", 1_700_006_400_000_000, 1, 0),
    ]
    assert len(metrics_by_model(found, 1, "100w")) == 2
    for window in ("", "d", "0d", "1.5h", "1y", "-1d"):
        with pytest.raises(DataError, match="give a whole number and m, h, d or w"):
            metrics_by_model(found, 1, window)


def test_too_many_windows_are_refused(logged: Fixture, event: Fixture) -> None:
    events, _ = logged(*(event("impression", "u", "a", state=n, hour=n, model=NEW) for n in range(2, 1004)))
    found = find_impressions(events, Kinds())
    kept = found.shown.filter(found.shown["model"].is_not_null())
    assert len(kept) == 0  # they say that they reflect events to come
    events, _ = events.with_columns(token=events["token"].str.replace(r"\.\d+$", ".0")), None
    found = find_impressions(events.with_columns(person=events["event_id"]), Kinds())
    with pytest.raises(DataError, match="makes 1,002 windows, of at most 1,000; choose longer ones"):
        metrics_by_model(found, 1, "1h")


def test_nobody_clicked(logged: Fixture, event: Fixture) -> None:
    (metrics,) = metrics_by_model(find_impressions(logged(event("impression", "u", "a"))[0], Kinds()), seed=1)
    assert (metrics.ctr.value, metrics.clicks) == (0, 0)
    assert metrics.to_json()["auc"] == {"value": None, "low": None, "high": None}
