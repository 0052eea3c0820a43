"""How likely each impression was: from the events' attributes, or from a file."""

from pathlib import Path

import polars as pl

from recstream.errors import DataError

_REMEDY = (
    "Inverse propensity scoring needs to know how likely each item was to be shown at its place; a ranking that leaves "
    "nothing to chance shows one list, and says nothing of what others would have brought. Let chance choose what some "
    "places show, and send the probability with each impression, as the attribute 'propensity', or give "
    "--propensities FILE"
)


def with_propensities(shown: pl.DataFrame, file: Path | None) -> pl.DataFrame:
    """The impressions whose propensity is known.

    Parameters
    ----------
    shown : polars.DataFrame
        Of `Impressions`.
    file : Path, optional
        CSV or Parquet with columns ``event_id`` and ``propensity``; wins over the attributes.

    Raises
    ------
    DataError
        None is known, one is no probability above 0, or all are 1, so that nothing was left to chance.
    """
    if file is not None:
        shown = shown.drop("propensity").join(_read(file), on="event_id", how="left", maintain_order="left")
    known = shown.filter(pl.col("propensity").is_not_null())
    if known.is_empty():
        where = "no impression carries one" if file is None else f"{file} has none of the log's impressions"
        raise DataError(f"propensities: {where}. {_REMEDY}")
    wrong = known.filter(~pl.col("propensity").is_between(0, 1, closed="right") | pl.col("propensity").is_nan())
    if len(wrong):
        event_id, number = wrong.select("event_id", "propensity").row(0)
        raise DataError(
            f"propensities: {len(wrong):,} are no probability above 0, that of event {event_id[:64]!r} is {number:g}; "
            "give numbers above 0, at most 1"
        )
    if known["propensity"].min() == 1:
        raise DataError(f"propensities: all {len(known):,} are 1. {_REMEDY}")
    return known


def _read(file: Path) -> pl.DataFrame:
    try:
        table = pl.read_parquet(file) if file.suffix == ".parquet" else pl.read_csv(file, infer_schema=False)
        found = table.select(pl.col("event_id").cast(pl.String), pl.col("propensity").cast(pl.Float64))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise DataError(
            f"--propensities {file}: {str(error).splitlines()[0][:200]}; give a CSV or Parquet file with the columns "
            "event_id and propensity"
        ) from None
    if found["event_id"].n_unique() < len(found):
        raise DataError(f"--propensities {file}: an event_id comes twice; give one row an impression")
    return found
