"""kill -9 at random instants under eight writers; what was acknowledged is noted down by another process."""

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import pytest
from recstream_server.event_log import SqliteEventLog
from recstream_server.recovery import recover, replay
from recstream_server.snapshots import SnapshotStore
from recstream_server.state_directory import StateDirectory

from recstream._core import Engine
from recstream.event_types import EventTypes

SCRIPT = Path(__file__).with_name("writing_process.py")
MakeEngine = Callable[..., Engine]
THREADS = 8
STEP_BACK = 5


@dataclass
class Findings:
    """What a campaign found."""

    acknowledged: int = 0
    stored: int = 0
    snapshots_used: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    disordered: list[str] = field(default_factory=list)


class Campaign:
    """Rounds of kill and check on one state folder."""

    def __init__(self, state: Path, make_engine: MakeEngine, seed: int, *flags: str) -> None:
        self.findings = Findings()
        self._state = state
        self._make_engine = make_engine
        self._random = Random(seed)
        self._arguments = [str(state), "0" if flags else str(STEP_BACK), *flags]
        self._folded = make_engine()
        self._next = [0] * THREADS
        self._versions: dict[str, int] = {}
        self._read_to = 0

    def run(self, rounds: int) -> Findings:
        for _ in range(rounds):
            self._check(self._write_and_kill())
        return self.findings

    def _write_and_kill(self) -> list[str]:
        """Journal of one process, from its start to its end by kill -9."""
        journal = bytearray()
        begun = threading.Event()
        with subprocess.Popen([sys.executable, SCRIPT, *self._arguments], stdout=subprocess.PIPE) as process:

            def keep() -> None:
                assert process.stdout is not None
                while data := process.stdout.read1(65536):
                    journal.extend(data)
                    begun.set()

            reader = threading.Thread(target=keep)
            reader.start()
            # Mostly amid the writing; at times during the start and the recovery.
            if self._random.random() < 0.85:
                assert begun.wait(60), "the process did not write"
            time.sleep(self._random.uniform(0, 0.2))
            assert process.poll() is None, "the process ended by itself"
            process.kill()
            reader.join()
        return journal.decode().split("\n")[:-1]

    def _check(self, journal: list[str]) -> None:
        directory = StateDirectory(self._state)
        log = SqliteEventLog(directory.events_file)
        self._check_order(log)
        found = self.findings
        for line in journal:
            thread, number, version = line.split()
            found.acknowledged += 1
            if self._versions.get(f"{thread}-{number}") != int(version):
                found.lost.append(line)
        self._check_state(log)
        log.close()
        directory.close()

    def _check_order(self, log: SqliteEventLog) -> None:
        """Each user's events are 0, 1, 2 ... without a gap, and once each."""
        found = self.findings
        while events := log.read(self._read_to, 10_000):
            self._read_to = events[-1].version
            for event in events:
                thread, number = map(int, event.event_id.split("-"))
                if event.event_id in self._versions:
                    found.doubled.append(event.event_id)
                if number != self._next[thread]:
                    found.disordered.append(event.event_id)
                self._next[thread] = number + 1
                self._versions[event.event_id] = event.version
                found.stored += 1

    def _check_state(self, log: SqliteEventLog) -> None:
        """A start from a snapshot gives the state of a fold of the whole log."""
        event_types = EventTypes()
        replay(log, self._folded, event_types)
        recovered = self._make_engine()
        stats = recover(log, recovered, event_types, SnapshotStore(self._state, event_types.fingerprint))
        self.findings.snapshots_used += stats.snapshot_version > 0
        assert recovered.snapshot() == self._folded.snapshot()


def check_survival(findings: Findings, rounds: int) -> None:
    assert findings.acknowledged > rounds
    assert findings.snapshots_used > 0
    assert (findings.lost, findings.doubled, findings.disordered) == ([], [], [])


@pytest.mark.timeout(300)
def test_nothing_acknowledged_is_lost_or_doubled(tmp_path: Path, make_engine: MakeEngine) -> None:
    check_survival(Campaign(tmp_path / "state", make_engine, 1).run(20), 20)


@pytest.mark.timeout(300)
def test_the_check_finds_events_acknowledged_too_early(tmp_path: Path, make_engine: MakeEngine) -> None:
    assert Campaign(tmp_path / "state", make_engine, 2, "early").run(3).lost


@pytest.mark.full
@pytest.mark.parametrize("seed", range(100, 110))
def test_kill_campaign(tmp_path: Path, make_engine: MakeEngine, seed: int) -> None:
    check_survival(Campaign(tmp_path / "state", make_engine, seed).run(100), 100)
