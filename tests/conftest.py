"""Bundles, trained by the real command; and Hypothesis without a clock: a busy machine is no failure."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("recstream", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("recstream")

RECSTREAM = Path(sys.executable).with_name("recstream")


@pytest.fixture(scope="session")
def train(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Train a bundle by the command line, once a session for the same arguments."""
    bundles: dict[tuple[str, ...], Path] = {}

    def run(*arguments: str) -> Path:
        if arguments not in bundles:
            out = tmp_path_factory.mktemp("bundle") / "bundle"
            command = [str(RECSTREAM), "train", *arguments, "--out", str(out)]
            done = subprocess.run(
                command, capture_output=True, text=True, env=os.environ | {"COLUMNS": "200"}, check=False
            )
            assert done.returncode == 0, done.stderr + done.stdout
            bundles[arguments] = out
        return bundles[arguments]

    return run
