"""IdTable: text ids of rows."""

import gc
import weakref

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recstream import _core

IDS = st.text(min_size=1, max_size=40).filter(lambda text: text.isprintable() or "\0" in text)


def table_of(utf8: bytes, offsets: list[int]) -> _core.IdTable:
    return _core.IdTable(np.frombuffer(utf8, np.uint8), np.array(offsets, np.int64))


@settings(max_examples=200, derandomize=True)
@given(ids=st.lists(IDS.filter(lambda text: len(text.encode()) <= 128), unique=True, max_size=60), others=st.lists(IDS))
def test_rows_and_ids_are_inverse(make_id_table, ids: list[str], others: list[str]) -> None:
    table = make_id_table(ids)
    assert len(table) == len(ids)
    assert table.rows(ids).tolist() == list(range(len(ids)))
    assert table.ids(np.arange(len(ids))[::-1].copy()) == ids[::-1]
    expected = [ids.index(other) if other in ids else -1 for other in others]
    assert table.rows(others).tolist() == expected
    assert [table.find(other) for other in others] == expected


def test_many_ids_that_share_prefixes(make_id_table) -> None:
    ids = [f"user-{number}" for number in range(50_000)]
    table = make_id_table(ids)
    np.testing.assert_array_equal(table.rows(ids), np.arange(50_000))
    assert table.find("user-50000") == -1
    assert table.find("") == -1
    assert table.find("user-" + "1" * 10_000) == -1


def test_text_may_hold_any_character(make_id_table) -> None:
    ids = ["a\0b", "a", "a\0", "\0", "ключ", "𝄞", "é", "e\u0301"]
    table = make_id_table(ids)
    assert table.rows(ids).tolist() == list(range(len(ids)))
    assert table.ids(np.arange(len(ids))) == ids


@pytest.mark.parametrize(
    ("utf8", "offsets", "message"),
    [
        (b"", [], "offsets must have N \\+ 1 entries"),
        (b"ab", [0, 1], "offsets must go from 0 to the 2 bytes of text, got 0 to 1"),
        (b"ab", [1, 2], "offsets must go from 0"),
        (b"ab", [0, 3], "offsets must go from 0 to the 2 bytes of text, got 0 to 3"),
        (b"ab", [0, 3, 2], "id of row 1 has offsets that fall"),
        (b"abc", [0, 2, 1, 3], "id of row 1 has offsets that fall"),
        (b"ab", [0, 1, 1, 2], "id of row 1 is empty"),
        (b"a" * 129, [0, 129], "id of row 0 is longer than 128 bytes"),
        (b"abab", [0, 2, 4], "id of row 1 repeats that of row 0"),
        (b"a\xff", [0, 1, 2], "id of row 1 is not UTF-8"),
    ],
)
def test_damaged_tables_are_refused_with_the_row(utf8: bytes, offsets: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        table_of(utf8, offsets)


@settings(max_examples=500, derandomize=True)
@given(st.binary(min_size=1, max_size=6))
def test_what_is_utf8_is_what_python_says(text: bytes) -> None:
    try:
        text.decode()
    except UnicodeDecodeError:
        with pytest.raises(ValueError, match="id of row 0 is not UTF-8"):
            table_of(text, [0, len(text)])
    else:
        assert table_of(text, [0, len(text)]).ids(np.array([0])) == [text.decode()]


@pytest.mark.parametrize("lead", [0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xED, 0xEF, 0xF0, 0xF1, 0xF4, 0xF5])
def test_the_edges_of_utf8(lead: int) -> None:
    for second in range(0x70, 0xD0):
        for rest in (b"", b"\x80", b"\x80\x80", b"\xbf\x7f"):
            test_what_is_utf8_is_what_python_says.hypothesis.inner_test(bytes([lead, second]) + rest)


def test_wrong_types_are_refused(make_id_table) -> None:
    table = make_id_table(["a"])
    with pytest.raises(TypeError, match="utf8 must be a C-contiguous array of uint8"):
        _core.IdTable(np.zeros(1, np.int8), np.zeros(2, np.int64))
    with pytest.raises(TypeError, match="offsets must be a C-contiguous array of int64"):
        _core.IdTable(np.zeros(1, np.uint8), np.zeros(2, np.int32))
    with pytest.raises(TypeError, match="text must be str, got bytes"):
        table.find(b"a")
    with pytest.raises(TypeError, match="ids must be a sequence of str, got str"):
        table.rows("a")
    with pytest.raises(TypeError, match="ids must be str, got int"):
        table.rows([1])
    with pytest.raises(UnicodeEncodeError):
        table.find("\ud800")
    with pytest.raises(ValueError, match="rows: 1 is not a row of the table of 1 ids"):
        table.ids(np.array([1]))
    with pytest.raises(ValueError, match="rows: -1 is not a row"):
        table.ids(np.array([-1]))


def test_the_text_is_borrowed_and_kept_alive() -> None:
    class Array(np.ndarray):
        pass

    utf8 = np.frombuffer(b"ab", np.uint8).view(Array)
    offsets = np.array([0, 1, 2]).view(Array)
    gone = [weakref.ref(utf8), weakref.ref(offsets)]
    table = _core.IdTable(utf8, offsets)
    del utf8, offsets
    gc.collect()
    assert table.ids(np.array([1, 0])) == ["b", "a"]
    del table
    gc.collect()
    assert [reference() for reference in gone] == [None, None]
