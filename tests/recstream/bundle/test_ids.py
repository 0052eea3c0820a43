"""Id tables: packing, reading, and what is not a table of ids."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recstream.bundle.ids import Ids, check_ids, encode_ids
from recstream.errors import BundleError

texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=32)


@given(st.lists(texts, unique=True, max_size=50))
def test_ids_come_back(ids: list[str]) -> None:
    table = encode_ids("item_ids.utf8.npy", ids)
    check_ids("item_ids", table)
    assert len(table) == len(ids)
    assert table.to_list() == ids
    assert [table[row] for row in range(len(table))] == ids


@given(st.lists(texts, unique=True, min_size=1, max_size=50), st.data())
def test_a_repeated_id_is_found(ids: list[str], data: st.DataObject) -> None:
    again = data.draw(st.sampled_from(ids))
    at = data.draw(st.integers(0, len(ids)))
    with pytest.raises(BundleError, match="have the same id"):
        check_ids("item_ids", encode_ids("item_ids.utf8.npy", [*ids[:at], again, *ids[at:]]))


@given(st.binary(min_size=1, max_size=12), st.lists(st.integers(0, 12), max_size=5))
def test_only_whole_characters_pass(data: bytes, cuts: list[int]) -> None:
    offsets = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    pieces = [data[start:stop] for start, stop in pairwise(offsets)]
    table = Ids(np.frombuffer(data, dtype=np.uint8), np.array(offsets, dtype=np.int64))
    try:
        texts_found = {piece.decode() for piece in pieces}
        valid = len(texts_found) == len(pieces) and "" not in texts_found
    except UnicodeDecodeError:
        valid = False
    if valid:
        check_ids("user_ids", table)
    else:
        with pytest.raises(BundleError, match=r"^user_ids\.(utf8|offsets)\.npy: "):
            check_ids("user_ids", table)


def test_ids_of_128_bytes_pass_and_of_129_do_not() -> None:
    check_ids("item_ids", encode_ids("item_ids.utf8.npy", ["é" * 64]))
    with pytest.raises(BundleError, match="row 1 has 129 bytes; must be 1 to 128"):
        check_ids("item_ids", encode_ids("item_ids.utf8.npy", ["a", "x" * 129]))


def test_a_lone_surrogate_is_refused() -> None:
    with pytest.raises(BundleError, match="has no UTF-8 form"):
        encode_ids("item_ids.utf8.npy", ["a\ud800"])


@pytest.mark.parametrize("row", [-1, 2])
def test_a_row_outside_is_refused(row: int) -> None:
    with pytest.raises(IndexError, match="is not in 0"):
        encode_ids("item_ids.utf8.npy", ["a", "b"])[row]
