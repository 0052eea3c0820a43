import os
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from recstream_trainer.models.epoch_share import listening
from recstream_trainer.training import progress
from recstream_trainer.training.fit import Plan, fit
from recstream_trainer.training.progress import ProgressReporter, duration
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


def test_time_and_memory_are_foretold_once(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(progress.time, "perf_counter", lambda: now)
    out = StringIO()
    reporter = ProgressReporter(Console(file=out), "ndcg@10", final_epochs=6)
    reporter.begin(RunState(epoch=6), 30)
    now = 102.0
    reporter.share(0.01)
    assert not out.getvalue()
    now = 106.0
    reporter.share(0.05)
    now = 110.0
    reporter.share(0.1)
    found = re.fullmatch(
        r"an epoch takes about 2 min: 60 min for 30 at most, without validation; (\d+\.\d) GiB of memory so far\n",
        out.getvalue(),
    )
    assert found
    # What Linux says at this moment can be no more than the peak.
    now_bytes = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    assert now_bytes / 2**30 - 0.1 <= float(found[1]) < 64


def test_long_epochs_are_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((100.0, 110.0, 131.0, 140.0, 170.0))
    monkeypatch.setattr(progress.time, "perf_counter", lambda: next(times))
    out = StringIO()
    reporter = ProgressReporter(Console(file=out), "ndcg@10")
    reporter.begin(RunState(), 3)
    for done in (0.1, 0.25, 0.3, 0.7):
        reporter.share(done)
    assert out.getvalue().splitlines()[1:] == ["epoch 1: 25%, 93 s left of it", "epoch 1: 70%, 30 s left of it"]


def test_a_fast_epoch_is_foretold_when_it_is_done(plan: Callable[..., Plan]) -> None:
    out = StringIO()
    reporter = ProgressReporter(Console(file=out), "ndcg@10", final_epochs=3)
    with listening(reporter.share):
        fit(plan([2, 1, 2], refit=True), RunState(), observers=[reporter])
    lines = out.getvalue().splitlines()
    assert lines[0].startswith("an epoch takes about 0 s: 0 s for 6 at most, without validation; ")
    assert sum("GiB" in line for line in lines) == 1


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.2, "0 s"), (119, "119 s"), (120, "2 min"), (7199, "120 min"), (9000, "2.5 h")]
)
def test_durations_are_short(seconds: float, text: str) -> None:
    assert duration(seconds) == text
