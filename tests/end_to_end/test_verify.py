"""`recstream verify` tells a server that answers as the trainer and the bundle do from one that does not."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from onnx_encoders import expected, sum_encoder, table

from recstream.bundle import (
    AlsFoldIn,
    BundleContent,
    DataRecord,
    DecayedPooling,
    Encoder,
    OnnxEncoder,
    TrainingRecord,
    write_bundle,
)
from recstream.verification import FILE, TrainerAnswers, UserAnswer

RECSTREAM = Path(sys.executable).with_name("recstream")
ITEMS, USERS, DIMENSION = 80, 12, 6
TABLE = table(ITEMS, DIMENSION)
ONNX = OnnxEncoder(20, ("rows", "weights", "times"))


def bundle(path: Path, encoder: Encoder, *, seed: int = 1, trainer_is_right: bool = True) -> Path:
    random = np.random.default_rng(seed)
    items = random.standard_normal((ITEMS, DIMENSION)).astype(np.float32)
    rows = np.stack([random.choice(ITEMS, 5, replace=False) for _ in range(USERS)]).astype(np.int32)
    users = np.stack([expected(TABLE, list(row)) for row in rows]).astype(np.float32)
    answers = []
    for user in range(USERS):
        scores = items.astype(np.float64) @ users[user].astype(np.float64)
        best = [row for row in np.argsort(-scores) if row not in rows[user]][:10]
        shift = 0.0 if trainer_is_right else 0.5
        answers.append(
            UserAnswer(f"u{user}", tuple(f"i{row}" for row in best), tuple(float(scores[row]) + shift for row in best))
        )
    content = BundleContent(
        name="verified",
        family="made",
        item_ids=[f"i{row}" for row in range(ITEMS)],
        item_vectors=items,
        item_popularity=np.ones(ITEMS, np.float32),
        user_ids=[f"u{row}" for row in range(USERS)],
        user_vectors=users,
        history=(np.arange(0, 5 * USERS + 1, 5), rows.reshape(-1), np.ones(5 * USERS, np.float32)),
        history_times=np.arange(5 * USERS) if isinstance(encoder, OnnxEncoder) else None,
        encoder=encoder,
        onnx=sum_encoder(TABLE, ONNX.inputs) if isinstance(encoder, OnnxEncoder) else None,
        items=pl.DataFrame({"title": ["x"] * ITEMS}),
        metrics={},
        training=TrainingRecord(seed=1, protocol=None, config={}),
        data=DataRecord(name="made", interactions=5 * USERS, fingerprint="0" * 64),
        extra_files={FILE: TrainerAnswers(tuple(answers)).to_bytes()},
    )
    write_bundle(path, content)
    return path


def verify(bundle: Path, target: str, *options: str) -> tuple[int, str]:
    command = [str(RECSTREAM), "verify", "--bundle", str(bundle), "--target", target, "--users", "5", *options]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert not done.stderr, done.stderr
    return done.returncode, done.stdout


@pytest.mark.parametrize(
    "encoder",
    [AlsFoldIn(0.1, 0.05, 0.5), DecayedPooling(7.0), ONNX],
    ids=lambda encoder: type(encoder).__name__,
)
def test_a_right_server_is_verified(start_server: Callable[..., Any], tmp_path: Path, encoder: Encoder) -> None:
    served = bundle(tmp_path / "served", encoder)
    server = start_server(served, tmp_path / "state")
    code, text = verify(served, server.target)
    assert code == 0, text
    for what, count in (("the trainer", 5), ("the bundle", 5), ("recent events", 10), ("live events", 5)):
        assert f"{count} users compared with {what}" in text


def test_a_wrong_server_is_not(start_server: Callable[..., Any], tmp_path: Path) -> None:
    served = bundle(tmp_path / "served", ONNX)
    server = start_server(served, tmp_path / "state")
    code, text = verify(bundle(tmp_path / "other", ONNX, seed=2), server.target)
    assert code == 1
    assert "the server serves verified" in text
    assert "place 1 is" in text

    code, text = verify(bundle(tmp_path / "doubted", ONNX, trainer_is_right=False), server.target)
    assert code == 1
    assert "NOT verified: 5 answers are wrong" in text
    assert "(the trainer): place" in text
    code, text = verify(tmp_path / "doubted", server.target, "--tolerance", "1", "--no-write-events")
    assert code == 0
    assert "live events" not in text
