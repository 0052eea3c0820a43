import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from recstream_trainer.array_file import DamagedArrayFileError, read_arrays, write_arrays

ARRAYS = {"a/b": np.arange(6, dtype=np.float32).reshape(2, 3), "none": np.empty(0)}


def written() -> bytes:
    file = io.BytesIO()
    write_arrays(file, {"words": ["größe"]}, ARRAYS)
    return file.getvalue()


def test_arrays_and_facts_come_back_and_equal_content_makes_equal_bytes() -> None:
    facts, arrays = read_arrays(io.BytesIO(written()))
    assert facts == {"words": ["größe"]}
    assert arrays.keys() == ARRAYS.keys()
    for name, array in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], array)
        assert arrays[name].dtype == array.dtype
    assert written() == written()


def compressed() -> bytes:
    file = io.BytesIO()
    np.savez_compressed(file, meta=np.zeros(1 << 20, np.uint8))
    return file.getvalue()


def with_objects() -> bytes:
    file = io.BytesIO()
    np.savez(file, meta=np.frombuffer(b"{}", np.uint8), a=np.array([{"x": 1}], dtype=object))
    return file.getvalue()


def without_facts() -> bytes:
    file = io.BytesIO()
    np.savez(file, a=np.zeros(2))
    return file.getvalue()


@pytest.mark.parametrize(
    "data", [b"", b"PK", written()[:-30], compressed(), with_objects(), without_facts(), written()[40:]]
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(DamagedArrayFileError):
        read_arrays(io.BytesIO(data))


def test_a_damaged_array_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "x.npz"
    data = bytearray(written())
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        begin = archive.getinfo("a/b.npy").header_offset
    data[begin + 120 : begin + 140] = bytes(20)
    file.write_bytes(data)
    with file.open("rb") as opened, pytest.raises(DamagedArrayFileError):
        read_arrays(opened)
