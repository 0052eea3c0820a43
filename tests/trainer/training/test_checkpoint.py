import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from recstream_trainer.evaluation import Interactions, Split
from recstream_trainer.models import Catalogue, Model
from recstream_trainer.models.als import AlsModel, AlsSettings
from recstream_trainer.training.checkpoint import CheckpointFile
from recstream_trainer.training.fit import Fitted, Plan, fit
from recstream_trainer.training.run_state import RunState
from recstream_trainer.training.settings import TrainingSettings

from recstream.errors import ConfigurationError

StopAfter = Callable[[int], Callable[[], bool]]
IDENTITY = {"seed": 1, "settings": {"model": {"dimension": 4}}}


@pytest.fixture
def als_plan() -> Plan:
    """Six epochs of ALS on random interactions, then the refit; the newest item of each user is held out."""
    rng = np.random.default_rng(6)
    users, items = np.nonzero(rng.random((40, 25)) < 0.3)
    newest = np.append(users[1:] != users[:-1], True)
    train, validation = (Interactions.from_rows(users[mask], items[mask], None, 40) for mask in (~newest, newest))
    nothing = Interactions.from_rows(users[:0], items[:0], None, 40)
    names = [str(code) for code in range(40)]
    split = Split(None, 1, train, validation, nothing, names, names[:25], np.arange(40), np.arange(25), "train")

    def make(part: Interactions) -> Model:
        return AlsModel(AlsSettings(dimension=4), part, Catalogue(25), 1, "cpu")

    return Plan(make, split, TrainingSettings(max_epochs=6, patience=6), seed=1, refit=True)


def checkpoint(path: Path, every_s: float = 60) -> CheckpointFile:
    return CheckpointFile(path / "model.checkpoint.npz", IDENTITY, every_s)


def assert_same(left: Fitted, right: Fitted) -> None:
    for name, array in left.model.state().items():
        np.testing.assert_array_equal(array, right.model.state()[name])
    assert [(r.stage, r.epoch, r.loss, r.metric) for r in left.state.records] == [
        (r.stage, r.epoch, r.loss, r.metric) for r in right.state.records
    ]


@pytest.mark.parametrize("epochs", [1, 3, 6, 7])
def test_a_resumed_run_equals_one_that_was_never_interrupted(
    als_plan: Plan, tmp_path: Path, after: StopAfter, epochs: int
) -> None:
    whole = fit(als_plan, RunState())
    assert whole.state.best_epoch > 1
    file = checkpoint(tmp_path)
    part = fit(als_plan, RunState(), observers=[file], stop=after(epochs))
    assert part.stopped_by == "interruption"
    resumed = fit(als_plan, file.load())
    assert_same(resumed, whole)
    assert resumed.saw_validation


def test_a_checkpoint_is_written_as_often_as_set(als_plan: Plan, tmp_path: Path, after: StopAfter) -> None:
    file = checkpoint(tmp_path, every_s=0)
    fit(als_plan, RunState(), observers=[file])
    assert (file.load().stage, file.path.stat().st_size > 0) == ("refit", True)
    assert [path.name for path in tmp_path.iterdir()] == ["model.checkpoint.npz"]
    file.remove()
    file.remove()
    assert not list(tmp_path.iterdir())


def test_a_complete_run_leaves_no_checkpoint_behind(als_plan: Plan, tmp_path: Path) -> None:
    fit(als_plan, RunState(), observers=[checkpoint(tmp_path)])
    assert not list(tmp_path.iterdir())


def test_it_holds_no_pickle(als_plan: Plan, tmp_path: Path, after: StopAfter) -> None:
    file = checkpoint(tmp_path)
    fit(als_plan, RunState(), observers=[file], stop=after(2))
    with np.load(file.path, allow_pickle=False) as archive:
        assert {archive[name].dtype.kind for name in archive.files} <= set("fiu")
        assert json.loads(archive["meta"].tobytes())["identity"] == IDENTITY


def test_that_of_another_run_is_refused(als_plan: Plan, tmp_path: Path, after: StopAfter) -> None:
    fit(als_plan, RunState(), observers=[checkpoint(tmp_path)], stop=after(2))
    other = CheckpointFile(checkpoint(tmp_path).path, IDENTITY | {"seed": 2}, 60)
    with pytest.raises(ConfigurationError, match="of another run: it differs in seed"):
        other.load()


def test_a_missing_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no checkpoint"):
        checkpoint(tmp_path).load()


@pytest.mark.parametrize("keep", [0, 1, 100, 1000])
def test_a_cut_off_one_is_refused(als_plan: Plan, tmp_path: Path, after: StopAfter, keep: int) -> None:
    file = checkpoint(tmp_path)
    fit(als_plan, RunState(), observers=[file], stop=after(2))
    file.path.write_bytes(file.path.read_bytes()[:keep])
    with pytest.raises(ConfigurationError, match="is damaged"):
        file.load()
