from collections.abc import Callable
from pathlib import Path

import pytest
from recstream_trainer.training.fit import Plan, fit
from recstream_trainer.training.run_state import RunState
from recstream_trainer.training.tensorboard import TensorboardWriter
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    events = EventAccumulator(str(folder))
    events.Reload()
    return {name: [(e.step, round(e.value, 4)) for e in events.Scalars(name)] for name in events.Tags()["scalars"]}


def test_it_writes_what_every_epoch_came_to(plan: Callable[..., Plan], tmp_path: Path) -> None:
    state = RunState()
    fit(
        plan([2, 1, 2], refit=True, evaluate_every=2), state, observers=[TensorboardWriter(tmp_path / "log", "ndcg@10")]
    )
    written = scalars(tmp_path / "log")
    assert written["select/loss"] == [(1, 1), (2, 0.5), (3, 0.3333)]
    assert written["select/ndcg@10"] == [(2, 1.0), (3, 0.6309)]
    assert written["refit/loss"] == [(1, 1), (2, 0.5)]
    assert "refit/ndcg@10" not in written
    assert len(written["select/seconds"]) == 3


def test_a_resumed_run_has_the_epochs_before(
    plan: Callable[..., Plan], tmp_path: Path, after: Callable[..., object]
) -> None:
    state = RunState()
    fit(plan([3, 2, 1]), state, stop=after(2))  # type: ignore[arg-type]
    state.current = state.best
    fit(plan([3, 2, 1]), state, observers=[TensorboardWriter(tmp_path, "ndcg@10")])
    assert [step for step, _ in scalars(tmp_path)["select/loss"]] == [1, 2, 3]
