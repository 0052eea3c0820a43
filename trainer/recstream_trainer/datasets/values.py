"""Ids, numbers and times out of whatever type a source has them in."""

import numpy as np
import polars as pl
from polars.datatypes import DataTypeClass

_TIME_FORMATS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y/%m/%d %H:%M:%S")
_ZONED_FORMATS = ("%Y-%m-%dT%H:%M:%S%.f%#z", "%Y-%m-%d %H:%M:%S%.f%#z")

_SUBSECOND_FROM = (10**11, 10**14, 10**17)


def is_readable(dtype: pl.DataType | DataTypeClass) -> bool:
    """Whether ids, numbers and times can be read from a type: not from lists, structs, bytes, spans and the like."""
    return not (dtype.is_nested() or dtype in (pl.Time, pl.Duration, pl.Binary, pl.Object))


def as_id(column: pl.Series) -> pl.Series:
    """Ids as text without outer blanks: nothing but blanks is null, and whole floats lose their ``.0``."""
    if column.dtype.is_float():
        column = column.set(~column.is_finite(), None)
        if (column.drop_nulls() % 1 == 0).all():
            column = column.cast(pl.Int64, strict=False)
    text = column.cast(pl.String, strict=False).str.strip_chars()
    return text.set(text == "", None)


def as_number(column: pl.Series, dtype: type[pl.Float32 | pl.Float64] = pl.Float32) -> pl.Series:
    """Numbers of a float type; null where it is not a number, or not finite in that type."""
    if column.dtype == pl.String:
        column = column.str.strip_chars()
    number = column.cast(pl.Float64, strict=False).cast(dtype)
    return number.set(~number.is_finite(), None)


def as_timestamp(column: pl.Series) -> pl.Series:
    """Int64: dates become seconds since 1970 (UTC unless a zone is given), numbers keep their unit; else null."""
    if column.dtype.is_temporal():
        return column.cast(pl.Datetime("us")).dt.epoch("s")
    number = as_number(column, pl.Float64)
    if column.dtype != pl.String or number.null_count() < len(number):
        # Whole numbers keep every digit, which Float64 would not above 2^53 (nanoseconds).
        whole = column.cast(pl.Int64, strict=False)
        return whole.zip_with(whole.is_not_null(), number.cast(pl.Int64, strict=False))
    return _parse_dates(column.str.strip_chars())


def unix_seconds(timestamps: pl.Series) -> pl.Series:
    """Times of any unit as Unix seconds, Int64, 0 for those before 1970.

    The unit is told by the latest time: seconds up to the year 5138, then milli-, micro- and nanoseconds. Numbers that
    are no times, but places in a sequence, stay as they are.
    """
    if timestamps.is_empty():
        return timestamps
    latest = int(timestamps.to_numpy().max())
    steps = sum(latest >= bound for bound in _SUBSECOND_FROM)
    return pl.Series(timestamps.name, np.maximum(timestamps.to_numpy() // 1000**steps, 0), pl.Int64)


def _parse_dates(text: pl.Series) -> pl.Series:
    name = text.name
    plain = [pl.col(name).str.to_datetime(pattern, strict=False, time_unit="us") for pattern in _TIME_FORMATS]
    zoned = [
        pl.col(name).str.to_datetime(pattern, strict=False, time_unit="us", time_zone="UTC").dt.replace_time_zone(None)
        for pattern in _ZONED_FORMATS
    ]
    return text.to_frame().select(pl.coalesce(*plain, *zoned).dt.epoch("s").alias(name)).to_series()
