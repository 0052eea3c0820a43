"""Images of items, out of a table and a file beside it."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from recstream_trainer.datasets import load_dataset
from recstream_trainer.datasets.images import typed_images, with_vectors_beside

from recstream.errors import DataError

KEYS = pl.Series(["a", "b", "c"])


def vectors_of(values: object, dtype: pl.DataType | None = None) -> list[object]:
    table = pl.DataFrame({"image_vector": pl.Series(values, dtype=dtype)})
    (column,) = typed_images(table, KEYS, Path())
    assert (column.name, column.dtype) == ("image_vector", pl.List(pl.Float32))
    return column.to_list()


@pytest.mark.parametrize(
    ("values", "dtype"),
    [
        (["0.5 1", "", "-2 3e1"], None),
        (["[0.5, 1]", None, "[-2;30]"], None),
        ([[0.5, 1.0], None, [-2.0, 30.0]], pl.List(pl.Float64)),
        ([[0.5, 1.0], None, [-2.0, 30.0]], pl.Array(pl.Float64, 2)),
    ],
)
def test_vectors_are_read_from_lists_and_from_their_text(values: object, dtype: pl.DataType | None) -> None:
    assert vectors_of(values, dtype) == [[0.5, 1.0], None, [-2.0, 30.0]]


def test_no_image_at_all_is_no_error() -> None:
    assert vectors_of([None, None, None], pl.List(pl.Float64)) == [None] * 3


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (["1 2", "1 2 3", "3 4"], "1 of 3 values of image_vector do not have 2 numbers.* item 'b': .1, 2, 3."),
        (["1 2", "1 2", "1 x"], "1 of 3 values of image_vector hold other than finite numbers.* item 'c': .1, x."),
        (["1 nan", "1 2", "inf 1"], "2 of 3 values of image_vector hold other than finite.* item 'a'"),
        ([[], [], []], "image_vector has 0 numbers; give 1 to 8,192"),
    ],
)
def test_wrong_vectors_are_counted_and_the_first_is_named(values: list[object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        vectors_of(values)


def test_files_are_beside_the_table() -> None:
    (column,) = typed_images(pl.DataFrame({"image_file": ["x.png", " ", "/y.jpg"]}), KEYS, Path("/shop"))
    assert column.to_list() == ["/shop/x.png", None, "/y.jpg"]


def test_a_file_of_vectors_is_of_the_rows_of_the_table(tmp_path: Path) -> None:
    table, path = pl.DataFrame({"item": ["a", "b"]}), tmp_path / "shop.csv"
    assert with_vectors_beside(table, path) is table
    beside = tmp_path / "shop.image_vectors.npy"
    np.save(beside, np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert with_vectors_beside(table, path)["image_vector"].to_list() == [[1.0, 2.0], [3.0, 4.0]]
    with pytest.raises(DataError, match=r"shop\.csv: has a column image_vector, and shop.image_vectors.npy is beside"):
        with_vectors_beside(table.with_columns(image_vector=pl.lit("1")), path)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (np.zeros((3, 2)), r"its shape is \(3, 2\), and shop\.csv has 2 rows"),
        (np.zeros(2), r"its shape is \(2,\)"),
        (np.zeros((2, 2), np.int64), "holds int64; give one array of floats"),
        (np.array([[None]]), r"is no \.npy file of numbers"),
        (b"junk", r"is no \.npy file of numbers"),
    ],
)
def test_another_file_beside_is_refused(tmp_path: Path, content: np.ndarray | bytes, said: str) -> None:
    beside = tmp_path / "shop.image_vectors.npy"
    if isinstance(content, bytes):
        beside.write_bytes(content)
    else:
        np.save(beside, content, allow_pickle=True)
    with pytest.raises(DataError, match=said):
        with_vectors_beside(pl.DataFrame({"item": ["a", "b"]}), tmp_path / "shop.csv")


def test_a_data_set_has_its_images_by_code_and_not_among_its_attributes(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("user,item\nu,b\nv,a\nv,z\n")
    (tmp_path / "items.csv").write_text("item,title,image_file,image_vector\na,one,a.png,1 2\nb,two,,3 4\n")
    dataset = load_dataset(str(tmp_path / "rows.csv"), items=tmp_path / "items.csv")
    assert dataset.item_ids == ["b", "a", "z"]
    assert dataset.items.columns == ["title"]
    assert dataset.images["image_vector"].to_list() == [[3.0, 4.0], [1.0, 2.0], None]
    assert dataset.images["image_file"].to_list() == [None, str(tmp_path / "a.png"), None]
