from collections.abc import Callable
from io import StringIO

from recstream_trainer.training.fit import Plan, fit
from recstream_trainer.training.progress import ProgressReporter
from recstream_trainer.training.run_state import RunState
from rich.console import Console


def follow(plan: Plan, *, terminal: bool) -> str:
    out = StringIO()
    console = Console(file=out, force_terminal=terminal, width=80)
    fit(plan, RunState(), observers=[ProgressReporter(console, "ndcg@10")])
    return out.getvalue()


def test_lines_tell_loss_metric_and_time_left(plan: Callable[..., Plan]) -> None:
    lines = follow(plan([2, 1, 2], refit=True), terminal=False).splitlines()
    assert lines[0].startswith("choosing: epoch 1/3, loss 1 ndcg@10 0.6309 best 0.6309, ")
    assert "choosing: stopped after epoch 3, best epoch 2 (all epochs done)" in lines
    assert lines[-2].startswith("final fit: epoch 2/2, loss 0.5, 0 s left at most")
    assert lines[-1] == "final fit: stopped after epoch 2 (all epochs done)"


def test_a_terminal_gets_a_bar(plan: Callable[..., Plan]) -> None:
    text = follow(plan([2, 1, 2]), terminal=True)
    assert "3/3" in text
    assert "loss 0.3333 ndcg@10 0.6309 best 1.0000 left" in text
