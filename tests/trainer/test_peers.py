"""Several processes that train one model, held to one process that trains it alone."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from recstream_trainer.commands.train import _check_together
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue, load_family
from recstream_trainer.peers import Peers, join_peers, present_peers

from recstream.bundle import load_bundle
from recstream.errors import ConfigurationError

BIN = Path(sys.executable).parent
TOGETHER = (BIN / "torchrun", "--standalone", "--nproc-per-node", "2", "--no-python")
FAMILIES = {
    "sasrec": {"dropout": 0, "precision": "float32", "batch_positions": 40, "dimension": 8, "max_length": 9},
    "gru4rec": {"dropout": 0, "precision": "float32", "batch_positions": 40, "dimension": 8, "hidden": 8},
    "mult_vae": {"dropout": 0, "hidden": 8, "latent": 4, "batch_users": 4, "divergence": 0.0},
    "autorec": {"dropout": 0, "hidden": 8, "batch_users": 1},
    "two_tower": {"id_dropout": 0, "dimension": 8, "hidden": 8, "batch_users": 4, "targets": 2, "uniform_negatives": 5},
}
"""Without chance in a step but mult_vae's own; some batches have one user or history only, so one process has none."""


def histories(seed: int = 0) -> Interactions:
    rng = np.random.default_rng(seed)
    counts = rng.integers(2, 14, 25)
    items = np.concatenate([(rng.integers(12) + np.arange(count)) % 12 for count in counts]).astype(np.int32)
    indptr = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Interactions(indptr, items, np.ones(len(items), np.float32))


def train_all(epochs: int = 3) -> dict[str, np.ndarray]:
    """Losses and scores of each family after a few epochs."""
    made = {}
    for name, settings in FAMILIES.items():
        family = load_family(name)
        assert family.data_parallel
        train = histories()
        model = family.make(
            family.settings(**settings), train, Catalogue(12, pl.DataFrame({"title": ["x"] * 12})), 1, "cpu"
        )
        made[f"{name} losses"] = np.array([model.run_epoch() for _ in range(epochs)])
        made[f"{name} scores"] = model.score(np.arange(25))
    return made


def main(target: str) -> None:
    """In a process of torchrun: train, and write what this process came to."""
    peers = join_peers()
    assert (peers.count, peers) == (2, present_peers())
    assert peers.sums(1.0, float(peers.rank)) == [2.0, 1.0]
    assert peers.of_first(float(peers.rank + 7)) == 7.0
    assert peers.same("text")
    assert not peers.same(f"text {peers.rank}")
    np.savez(f"{target}-{peers.rank}.npz", **train_all())


if __name__ == "__main__":
    main(sys.argv[1])
    sys.exit()


def run_together(command: list[object]) -> subprocess.CompletedProcess[str]:
    """Run a command in two processes."""
    return subprocess.run([*map(str, [*TOGETHER, *command])], capture_output=True, text=True, check=False)


def test_two_processes_come_to_what_one_comes_to(tmp_path: Path) -> None:
    done = run_together([sys.executable, __file__, tmp_path / "made"])
    assert done.returncode == 0, done.stderr
    first, second = (dict(np.load(tmp_path / f"made-{rank}.npz")) for rank in range(2))
    alone = train_all()
    for name, expected in alone.items():
        np.testing.assert_array_equal(first[name], second[name])
        if not name.startswith("mult_vae"):  # draws in every step
            np.testing.assert_allclose(first[name], expected, rtol=2e-3, atol=2e-4)
    assert first["mult_vae losses"][-1] < first["mult_vae losses"][0]


@pytest.fixture
def sequences(tmp_path: Path) -> Path:
    path = tmp_path / "walks.csv"
    rows = [f"u{user},i{(user * 7 + step) % 20},{step}" for user in range(40) for step in range(8)]
    path.write_text("\n".join(["user,item,timestamp", *rows]) + "\n")
    return path


def test_the_command_is_started_by_torchrun(sequences: Path, tmp_path: Path) -> None:
    """One process prints and writes; the bundle is sound and has a metric that training chose by."""
    train = ["train", "--data", sequences, "--quick", "--set", "training.max_epochs=2", "--model"]
    done = run_together([BIN / "recstream", *train, "gru4rec", "--out", tmp_path / "b"])
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("gru4rec on cpu, 2 processes") == 1
    assert done.stdout.count("walks-gru4rec version") == 1
    bundle = load_bundle(tmp_path / "b")
    assert bundle.manifest.item_count == 20
    assert 0 < bundle.manifest.metrics["validation_ndcg@10"] <= 1
    assert not list(tmp_path.glob("*.npz"))


def test_a_process_that_finds_no_other_says_so(sequences: Path, tmp_path: Path) -> None:
    alone = {"RANK": "0", "WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1"}
    done = subprocess.run(
        [BIN / "recstream", "train", "--model", "als", "--data", sequences, "--out", tmp_path / "b"],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | alone,
    )
    assert done.returncode == 1
    assert "WORLD_SIZE is '2', but the processes do not find each other" in " ".join(done.stderr.split())


def test_one_process_talks_to_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert join_peers() == present_peers() == Peers(0, 1)
    assert Peers().sums(1.5) == [1.5]
    assert Peers().same("anything")


@pytest.mark.parametrize("count", [1, 2, 3, 7])
@pytest.mark.parametrize("size", [0, 1, 2, 5, 100])
def test_the_parts_are_the_batch(count: int, size: int) -> None:
    parts = [Peers(rank, count).part(size) for rank in range(count)]
    assert [place for part in parts for place in range(size)[part]] == list(range(size))


def test_several_processes_refuse_what_they_cannot_train() -> None:
    with pytest.raises(ConfigurationError, match="--model als: cannot be trained by several processes"):
        _check_together(load_family("als"), "cpu")
    with pytest.raises(ConfigurationError, match="several processes train on CPUs only"):
        _check_together(load_family("sasrec"), "cuda")
