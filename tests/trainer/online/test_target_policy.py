"""What a bundle would have shown: held to a fresh engine for every impression."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recstream_trainer.online.impressions import Kinds, find_impressions
from recstream_trainer.online.target_policy import not_trained_on, would_show

from recstream.bundle import load_bundle
from recstream.bundle.engine import build_engine
from recstream.errors import DataError
from recstream.event_log_format import LogPlace

Fixture = Callable[..., Any]


def random_traffic(event: Fixture) -> list[Any]:
    rng = np.random.default_rng(5)
    events: list[Any] = []
    last: dict[str, int] = {}
    for _ in range(150):
        user = str(rng.choice(["known", "v", "w", ""]))
        kind = str(rng.choice(["impression", "click", "hide"], p=[0.6, 0.3, 0.1]))
        made = event(kind, user, f"i{rng.integers(12)}", state=last.get(user, 0), session_id="s")
        if kind == "impression" and rng.random() < 0.2:
            made = made._replace(attribution_token="unknown")
        events.append(made._replace(attributes=f'{{"position":{rng.integers(1, 4)}}}'))
        last[user] = len(events)
    return events


@pytest.mark.parametrize("trained", [0, 60])
def test_each_impression_is_held_to_the_list_of_its_moment(
    logged: Fixture, event: Fixture, pooling_bundle: Fixture, tmp_path: Path, trained: int
) -> None:
    events, place = logged(*random_traffic(event))
    log = LogPlace(place.log_id, trained) if trained else None
    bundle = load_bundle(pooling_bundle(tmp_path / "bundle", log=log))
    shown = find_impressions(events, Kinds()).shown
    weights = {"click": (1.0, True), "hide": (-2.0, True), "impression": (0.0, False)}
    expected = []
    for one in shown.iter_rows(named=True):
        as_of = one["version"] - 1 if one["state_version"] is None else one["state_version"]
        engine = build_engine(bundle, trained_version=trained)
        past = list(events.filter(events["version"] <= as_of).iter_rows(named=True))
        engine.apply(
            [
                (
                    one["version"],
                    one["user"],
                    one["session"],
                    one["item"],
                    *weights[one["type"]],
                    one["time_us"] // 10**6,
                )
                for one in past
            ]
        )
        listed = engine.recommend(user_id=one["user"], session_id=one["session"], k=3).item_ids
        expected.append(listed[one["position"] - 1 : one["position"]] == [one["item"]])
    assert would_show(bundle, shown, events, place).tolist() == expected
    assert 0 < sum(expected) < len(expected)


def test_impressions_that_the_bundle_was_trained_on_are_left_out(
    logged: Fixture, event: Fixture, pooling_bundle: Fixture, tmp_path: Path
) -> None:
    events, place = logged(*(event("impression", f"u{number}", "i1") for number in range(10)))
    shown = find_impressions(events, Kinds()).shown

    def left(version: int, log_id: str) -> list[int]:
        bundle = load_bundle(pooling_bundle(tmp_path / f"{version}{log_id}", log=LogPlace(log_id, version)))
        return not_trained_on(shown, bundle, place)["version"].to_list()

    assert left(4, place.log_id) == [5, 6, 7, 8, 9, 10]
    assert left(10, "0" * 32) == list(range(1, 11))
    with pytest.raises(DataError, match="trained on this log, up to event 10, and no impression"):
        left(10, place.log_id)
