"""The bundle that version 1 of the format wrote: every later reader must read it, and read this."""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from recstream.bundle import AlsFoldIn, Bundle, DataRecord, TrainingRecord, load_bundle

GOLDEN = Path(__file__).parents[2] / "golden" / "bundle-v1"


@pytest.fixture(scope="module")
def golden() -> Bundle:
    return load_bundle(GOLDEN)


def test_manifest(golden: Bundle) -> None:
    manifest = golden.manifest
    assert (manifest.name, manifest.family, manifest.retrieval) == ("golden-v1", "als", "dense")
    assert manifest.version == "ee7d28139365"
    assert (manifest.item_count, manifest.user_count, manifest.dimension) == (8, 3, 3)
    assert manifest.created_at == datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
    assert manifest.metrics == {"recall@10": 0.25, "ndcg@10": 0.125}
    assert manifest.training == TrainingRecord(7, "C", {"factors": 3, "nested": {"list": [1, 2.5, None, "é"]}})
    assert manifest.data == DataRecord("golden", 4, "ab" * 32)
    assert "evaluation.json" in manifest.files


def test_ids(golden: Bundle) -> None:
    # "é" in one code point and in two are different ids.
    assert golden.item_ids.to_list() == ["1", "é", "e\u0301", "日本語", "🎬", " a b ", '"\\/', "x" * 128]
    assert golden.user_ids.to_list() == ["u1", "Ünï", "nobody"]
    assert golden.item_ids[3] == "日本語"


def test_arrays(golden: Bundle) -> None:
    expected = {
        "item_vectors": np.arange(24, dtype=np.float32).reshape(8, 3) / 8 - 1,
        "item_popularity": np.array([8, 7, 6, 5, 4, 3, 2, 1], dtype=np.float32),
        "user_vectors": np.array([[0.5, -0.25, 1], [0, 1e-45, 3.4e38], [0, 0, 0]], dtype=np.float32),
        "history_indptr": np.array([0, 3, 4, 4], dtype=np.int64),
        "history_rows": np.array([7, 0, 3, 1], dtype=np.int32),
        "history_weights": np.array([1, 0.5, -1, 2], dtype=np.float32),
    }
    for name, array in expected.items():
        found = getattr(golden, name)
        assert found.dtype == array.dtype
        np.testing.assert_array_equal(found, array)
        assert found.flags.c_contiguous
        assert not found.flags.writeable


def test_encoder(golden: Bundle) -> None:
    assert golden.encoder == AlsFoldIn(unobserved_weight=0.1, regularization=0.003, regularization_exponent=1.0)


def test_items(golden: Bundle) -> None:
    assert golden.items.to_dict(as_series=False) == {
        "title": ["One", "Zwei", None, "さん", "🎥", "", "Sept", "Huit"],
        "genres": [["Drama"], [], None, ["SF", "Komödie"], ["a"], ["b"], ["c"], ["d"]],
        "year": [1995, 1996, None, 2001, 1888, 0, -5, 9999],
        "price": [0.5, None, 1.25, 3.0, -1.0, 0.0, 1e300, 2.0],
        "in_stock": [True, False, None, True, True, True, True, False],
    }
