"""`make demo` does what the README's first screen shows."""

import re
import subprocess
import sys
from pathlib import Path

DEMO = Path(__file__).resolve().parents[2] / "examples" / "demo.py"
EVENT = re.compile(r"^  like .+ state (\d+) .*new answer +[0-9.]+ ms: +(\d+) moved", re.MULTILINE)


def test_the_demo_shows_events_changing_a_real_persons_films(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, DEMO, "--folder", tmp_path / "demo"], capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    events = EVENT.findall(done.stdout)
    assert [int(version) for version, _ in events] == list(range(1, 9))
    assert sum(int(moved) for _, moved in events) > 0
    after = done.stdout.partition(" new top 10 ")[2]
    assert len(re.findall(r"^ ?\d+  ", after, re.MULTILINE)) == 10
    assert " new " in after
    assert "server stopped with exit code 0" in done.stdout
