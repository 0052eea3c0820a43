"""Where propensities come from, and when there are none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from recstream_trainer.online.impressions import Kinds, find_impressions
from recstream_trainer.online.propensities import with_propensities

from recstream.errors import DataError

Fixture = Callable[..., Any]


@pytest.fixture
def shown(logged: Fixture, event: Fixture) -> Callable[..., pl.DataFrame]:
    def of(*propensities: float | None) -> pl.DataFrame:
        said = ["" if one is None else f'{{"propensity":{one}}}' for one in propensities]
        events = (event("impression", f"u{place}", "a", attributes=text) for place, text in enumerate(said))
        return find_impressions(logged(*events)[0], Kinds()).shown

    return of


def test_impressions_without_one_are_left_out(shown: Fixture) -> None:
    known = with_propensities(shown(0.5, None, 1.0), None)
    assert known.select("version", "propensity").rows() == [(1, 0.5), (3, 1.0)]


@pytest.mark.parametrize("ending", ["csv", "parquet"])
def test_a_file_wins(shown: Fixture, tmp_path: Path, ending: str) -> None:
    table = pl.DataFrame({"event_id": ["e2", "e3", "else"], "propensity": [0.25, 0.5, 7.0]})
    file = tmp_path / f"p.{ending}"
    table.write_csv(file) if ending == "csv" else table.write_parquet(file)
    known = with_propensities(shown(0.5, None, 1.0), file)
    assert known.select("version", "propensity").rows() == [(2, 0.25), (3, 0.5)]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            [None, None],
            "no impression carries one. .*nothing to chance.*attribute 'propensity', or give --propensities",
        ),
        ([1.0, 1.0], "all 2 are 1. .*shows one list"),
        ([0.5, 0.0], r"1 are no probability above 0, that of event 'e2' is 0; give numbers above 0"),
        ([0.5, -1.0], "that of event 'e2' is -1"),
        ([0.5, 1.5], r"that of event 'e2' is 1\.5"),
    ],
)
def test_what_allows_no_estimate_is_explained(shown: Fixture, given: list[float | None], message: str) -> None:
    with pytest.raises(DataError, match=message):
        with_propensities(shown(*given), None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("event,propensity\ne1,0.5\n", "give a CSV or Parquet file with the columns event_id and propensity"),
        ("event_id,propensity\ne1,often\n", "give a CSV or Parquet file"),
        ("event_id,propensity\ne1,0.5\ne1,0.5\n", "an event_id comes twice"),
        ("event_id,propensity\nx,0.5\n", "has none of the log's impressions"),
    ],
)
def test_an_unusable_file_is_refused(shown: Fixture, tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "p.csv"
    file.write_text(text)
    with pytest.raises(DataError, match=message):
        with_propensities(shown(0.5), file)
    with pytest.raises(DataError, match="--propensities"):
        with_propensities(shown(0.5), tmp_path / "none.csv")
