"""The stress of tests/core/stress under the sanitizers, which end it at their first report."""

import subprocess
from pathlib import Path

import pytest


@pytest.mark.full
@pytest.mark.timeout(0)
def test_sanitizers_report_nothing() -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(["make", "sanitize"], cwd=root, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "address,undefined: no report" in done.stdout
    assert "thread: no report" in done.stdout
