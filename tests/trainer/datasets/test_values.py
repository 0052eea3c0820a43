"""Reading ids, numbers and times."""

from datetime import UTC, date, datetime

import polars as pl
import pytest
from recstream_trainer.datasets.values import as_id, as_number, as_timestamp, unix_seconds


@pytest.mark.parametrize(
    ("values", "ids"),
    [
        ([" a ", "", "  ", None, "b"], ["a", None, None, None, "b"]),
        ([1, 2, None], ["1", "2", None]),
        ([1.0, 2.0, None], ["1", "2", None]),
        ([1.5, 2.0], ["1.5", "2.0"]),
        ([1.0, float("nan"), float("inf")], ["1", None, None]),
        ([True, False], ["true", "false"]),
    ],
)
def test_ids_are_trimmed_text(values: list[object], ids: list[str | None]) -> None:
    assert as_id(pl.Series("user", values)).to_list() == ids


def test_numbers_are_finite_or_null() -> None:
    column = pl.Series("rating", ["1", " 2.5 ", "-3e1", "nan", "inf", "five", "", None])
    assert as_number(column).to_list() == [1.0, 2.5, -30.0, None, None, None, None, None]
    assert as_number(pl.Series([1.0, float("nan"), float("inf"), 1e300])).to_list() == [1.0, None, None, None]


def test_numeric_times_keep_their_unit_and_every_digit() -> None:
    column = pl.Series("timestamp", ["978300760", "978300760123456789", "1.0", "soon", None])
    assert as_timestamp(column).to_list() == [978300760, 978300760123456789, 1, None, None]


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2001-01-31", datetime(2001, 1, 31, tzinfo=UTC)),
        ("2001-01-31 22:12:40", datetime(2001, 1, 31, 22, 12, 40, tzinfo=UTC)),
        ("2001-01-31T22:12:40.5", datetime(2001, 1, 31, 22, 12, 40, tzinfo=UTC)),
        ("2001-01-31T22:12:40Z", datetime(2001, 1, 31, 22, 12, 40, tzinfo=UTC)),
        ("2001-01-31 22:12:40+01:00", datetime(2001, 1, 31, 21, 12, 40, tzinfo=UTC)),
    ],
)
def test_dates_become_seconds(text: str, moment: datetime) -> None:
    assert as_timestamp(pl.Series("timestamp", [text, "never"])).to_list() == [int(moment.timestamp()), None]


def test_native_dates_become_seconds() -> None:
    moment = datetime(2020, 5, 17, 12, 30)
    assert as_timestamp(pl.Series([moment])).to_list() == [1589718600]
    assert as_timestamp(pl.Series([date(1970, 1, 2)])).to_list() == [86400]
    zoned = pl.Series([moment]).dt.replace_time_zone("Europe/Vienna")
    assert as_timestamp(zoned).to_list() == [1589718600 - 2 * 3600]


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
def test_times_of_any_unit_become_unix_seconds(unit: int) -> None:
    times = pl.Series("timestamp", [978_300_760 * unit + unit // 2, 1_700_000_000 * unit, -5 * unit], pl.Int64)
    assert unix_seconds(times).to_list() == [978_300_760, 1_700_000_000, 0]


def test_places_in_a_sequence_stay_as_they_are() -> None:
    assert unix_seconds(pl.Series("timestamp", [3, 1, 2])).to_list() == [3, 1, 2]
    assert unix_seconds(pl.Series("timestamp", [], pl.Int64)).to_list() == []
