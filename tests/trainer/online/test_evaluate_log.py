"""`recstream evaluate-log` on the log of a simulated server, in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from recstream_server.event_log import NewEvent, SqliteEventLog

from recstream import event_log_format
from recstream.attribution import token_head

RECSTREAM = Path(sys.executable).with_name("recstream")
CLICKS = np.array([0.5, 0.1, 0.2, 0.05])
"""How likely each of four items is clicked. The target shows the first to everybody; chance shows it to a quarter."""
PEOPLE = 2000


def evaluate_log(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([RECSTREAM, "evaluate-log", *arguments], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each person is shown one item by chance, and clicks it or not; day two is another model's."""
    rng = np.random.default_rng(3)
    folder = tmp_path_factory.mktemp("state")
    heads = [token_head("first", "0123456789ab"), token_head("second", "ba9876543210")]
    events = []
    for person in range(PEOPLE):
        day = person * 2 // PEOPLE
        item, time_us = int(rng.integers(4)), (1_700_006_400 + day * 86_400) * 1_000_000 + person
        common = (f"u{person}", "", f"i{item}")
        said = '{"position":1.0,"propensity":0.25}'
        events.append(NewEvent(f"s{person}", *common, "impression", None, time_us, f"{heads[day]}0", said))
        if rng.random() < CLICKS[item]:
            events.append(NewEvent(f"c{person}", *common, "click", None, time_us + 1, f"{heads[day]}0"))
    log = SqliteEventLog(folder / event_log_format.FILE, durability="os")
    log.append(events)
    log.close()
    return folder


def test_rates_and_the_value_of_a_target_are_told(
    state: Path, tmp_path: Path, pooling_bundle: Callable[..., Any]
) -> None:
    target, report, plot = pooling_bundle(tmp_path / "target"), tmp_path / "r" / "x.json", tmp_path / "r" / "x.png"
    common = ("--state", state, "--window", "1d", "--json", report, "--plot", plot)
    done = evaluate_log(*common, "--target", target)
    assert done.returncode == 0, done.stderr
    told = json.loads(report.read_text())
    assert {one["model"]: one["impressions"] for one in told["models"]} == {"first": 1000, "second": 1000}
    assert [one["ctr"]["value"] for one in told["models"]] == pytest.approx([CLICKS.mean()] * 2, abs=0.04)
    assert [(one["model"], one["impressions"]) for one in told["windows"]] == [("first", 1000), ("second", 1000)]
    value = told["off_policy"]
    assert value["target"].startswith("target ")
    assert value["ips"]["low"] < CLICKS[0] < value["ips"]["high"]
    assert value["snips"]["low"] < CLICKS[0] < value["snips"]["high"]
    assert value["logged"]["high"] < value["ips"]["low"]
    assert value["effective_sample_size"] == value["matched"] == pytest.approx(PEOPLE / 4, rel=0.1)
    assert plot.read_bytes().startswith(b"\x89PNG")
    assert "self-normalised IPS" in done.stdout
    assert "first 0123456789ab" in done.stdout


def test_what_is_missing_is_explained(state: Path, tmp_path: Path, pooling_bundle: Callable[..., Any]) -> None:
    target = pooling_bundle(tmp_path / "target")
    file = tmp_path / "p.csv"
    file.write_text("event_id,propensity\n" + "".join(f"s{person},1\n" for person in range(PEOPLE)))
    for arguments, message in (
        ((tmp_path,), "there is no events.db"),
        ((state, "--impressions", "shown"), "no event of the type shown"),
        ((state, "--window", "daily"), "give a whole number and m, h, d or w"),
        ((state, "--target", target, "--propensities", file), "leaves nothing to chance"),
    ):
        done = evaluate_log("--state", *arguments)
        assert done.returncode == 1
        assert message in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr
