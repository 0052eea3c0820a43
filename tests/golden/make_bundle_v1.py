"""Write tests/golden/bundle-v1, the bundle that every later reader must read.

    .venv/bin/python tests/golden/make_bundle_v1.py

It was run once, when format version 1 was made. Do not run it again: a bundle that a later
version wrote proves nothing.
"""

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import polars as pl

from recstream.bundle import AlsFoldIn, BundleContent, DataRecord, TrainingRecord, write_bundle

CONTENT = BundleContent(
    name="golden-v1",
    family="als",
    item_ids=["1", "é", "e\u0301", "日本語", "🎬", " a b ", '"\\/', "x" * 128],
    item_vectors=np.arange(24, dtype=np.float32).reshape(8, 3) / 8 - 1,
    item_popularity=np.array([8, 7, 6, 5, 4, 3, 2, 1], dtype=np.float32),
    user_ids=["u1", "Ünï", "nobody"],
    user_vectors=np.array([[0.5, -0.25, 1], [0, 1e-45, 3.4e38], [0, 0, 0]], dtype=np.float32),
    history=(
        np.array([0, 3, 4, 4], dtype=np.int64),
        np.array([7, 0, 3, 1], dtype=np.int32),
        np.array([1, 0.5, -1, 2], dtype=np.float32),
    ),
    encoder=AlsFoldIn(unobserved_weight=0.1, regularization=0.003, regularization_exponent=1.0),
    items=pl.DataFrame(
        {
            "title": ["One", "Zwei", None, "さん", "🎥", "", "Sept", "Huit"],
            "genres": [["Drama"], [], None, ["SF", "Komödie"], ["a"], ["b"], ["c"], ["d"]],
            "year": [1995, 1996, None, 2001, 1888, 0, -5, 9999],
            "price": [0.5, None, 1.25, 3.0, -1.0, 0.0, 1e300, 2.0],
            "in_stock": [True, False, None, True, True, True, True, False],
        }
    ),
    metrics={"recall@10": 0.25, "ndcg@10": 0.125},
    training=TrainingRecord(seed=7, protocol="C", config={"factors": 3, "nested": {"list": [1, 2.5, None, "é"]}}),
    data=DataRecord(name="golden", interactions=4, fingerprint="ab" * 32),
    extra_files={"evaluation.json": b'{"protocol": "C"}\n'},
    created_at=datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC),
)

if __name__ == "__main__":
    write_bundle(Path(__file__).parent / "bundle-v1", CONTENT)
