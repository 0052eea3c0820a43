"""Reading CSV, TSV and Parquet files."""

import gzip
from pathlib import Path

import polars as pl
import pytest
from recstream_trainer.datasets import ColumnMapping
from recstream_trainer.datasets.tables import read_table, read_tables

from recstream.errors import DataError


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(("name", "separator"), [("x.csv", ","), ("x.csv", ";"), ("x.tsv", "\t"), ("x.txt", "|")])
def test_finds_the_separator(tmp_path: Path, name: str, separator: str) -> None:
    path = write(tmp_path / name, "user,item,rating\nu,a,1\nv,b,2\n".replace(",", separator))
    table, unreadable = read_table(path)
    assert table.rows() == [("u", "a", "1"), ("v", "b", "2")]
    assert unreadable is None


def test_reads_compressed_text_and_a_byte_order_mark(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress("\ufeffuser,item\nu,a\n".encode()))
    table, _ = read_table(path)
    assert table.columns == ["user", "item"]
    assert table.rows() == [("u", "a")]


def test_reads_parquet_with_its_types(tmp_path: Path) -> None:
    written = pl.DataFrame({"uid": [1, 2], "sku": ["a", "b"], "ts": [10, 20]})
    written.write_parquet(tmp_path / "x.parquet")
    raw = read_tables(tmp_path / "x.parquet", ColumnMapping(), None)
    assert raw.rows.rows(named=True) == [
        {"user": 1, "item": "a", "timestamp": 10},
        {"user": 2, "item": "b", "timestamp": 20},
    ]


def test_counts_lines_of_uneven_length(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", 'user,item\nu,a\nv,b,extra\n"w,w",c\nx\ny,d\n')
    table, unreadable = read_table(path)
    assert table.rows() == [("u", "a"), ("w,w", "c"), ("y", "d")]
    assert unreadable is not None
    assert (unreadable.rows_before, unreadable.dropped) == (5, 2)
    assert unreadable.examples == ("row 2: v,b,extra", "row 4: x")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x.csv", b"", "is empty; the first line must name the columns"),
        ("x.csv", b"user,item\n\xff\xfe,a\n", "is not UTF-8 at byte 10; convert it"),
        ("x.parquet", b"not parquet at all", "cannot be read"),
        ("x.csv.gz", b"not gzip", "cannot be read"),
        ("x.xlsx", b"PK", "the ending is not one of .parquet .csv"),
    ],
)
def test_explains_what_it_cannot_read(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_table(tmp_path / name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no-such\.csv: there is no such file"):
        read_table(tmp_path / "no-such.csv")


@pytest.mark.parametrize("key", ["sku", "item_id", "id", "Id"])
def test_finds_the_item_column_of_the_attributes(tmp_path: Path, key: str) -> None:
    rows = write(tmp_path / "x.csv", "user,sku\nu,a\n")
    items = write(tmp_path / "items.csv", f"{key},title\na,Alpha\n")
    raw = read_tables(rows, ColumnMapping(), items)
    assert raw.items is not None
    assert raw.items.rows(named=True) == [{"item": "a", "title": "Alpha"}]


def test_attributes_without_an_item_column_are_refused(tmp_path: Path) -> None:
    rows = write(tmp_path / "x.csv", "user,sku\nu,a\n")
    items = write(tmp_path / "items.csv", "name,price\nAlpha,1\n")
    with pytest.raises(DataError, match=r"items\.csv: no column 'sku', item or id; the columns are: name, price"):
        read_tables(rows, ColumnMapping(), items)
