"""Builds the core without Python, for this processor and for others, and holds every level against the scalar one."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from recstream import _core

ROOT = Path(__file__).parents[3]
CROSS_COMPILER, EMULATOR = "aarch64-linux-gnu-g++", "qemu-aarch64"
LIBRARIES = "/usr/aarch64-linux-gnu"
AARCH64 = [
    "-DCMAKE_SYSTEM_NAME=Linux",
    "-DCMAKE_SYSTEM_PROCESSOR=aarch64",
    f"-DCMAKE_CXX_COMPILER={CROSS_COMPILER}",
]

Build = Callable[..., Path]


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Build levels_check."""

    def run(*options: str) -> Path:
        folder = tmp_path_factory.mktemp("build")
        tools = Path(sys.executable).parent
        path = os.pathsep.join([str(tools), os.environ.get("PATH", "")])
        configure = ["cmake", "-S", str(ROOT), "-B", str(folder), "-G", "Ninja"]
        configure += ["-DRECSTREAM_BINDINGS=OFF", "-DRECSTREAM_LEVELS_CHECK=ON", *options]
        for command in (configure, ["cmake", "--build", str(folder)]):
            done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PATH": path}, check=False)
            assert done.returncode == 0, done.stdout + done.stderr
        return folder / "levels_check"

    return run


def levels_found_right(command: list[str]) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    *levels, summary = done.stdout.splitlines()
    assert summary.endswith(" checks, 0 differ")
    return levels


@pytest.mark.full
def test_here(build: Build) -> None:
    assert levels_found_right([str(build())]) == _core.simd_levels()


@pytest.mark.full
def test_aarch64(build: Build) -> None:
    missing = [tool for tool in (CROSS_COMPILER, EMULATOR) if shutil.which(tool) is None]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not found: apt-get install g++-aarch64-linux-gnu qemu-user")
    check = str(build(*AARCH64))
    emulator = [EMULATOR, "-L", LIBRARIES]
    assert levels_found_right([*emulator, "-cpu", "max", check]) == ["neon_dotprod", "scalar"]
    # Older than the dot product instructions: they must not be chosen.
    assert levels_found_right([*emulator, "-cpu", "cortex-a53", check]) == ["scalar"]
