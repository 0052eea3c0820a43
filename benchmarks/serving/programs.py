"""The programs in C++, built when needed: the load that every contender gets, and the echo that is gRPC's ceiling."""

import shutil
import subprocess
from pathlib import Path

SOURCE = Path(__file__).parent / "native"
WORK = Path(__file__).parents[2] / "build" / "serving-bench"
"""Programs, bundles and indexes that the next run finds again."""


class NotBuiltError(Exception):
    """A program cannot be built here, and why."""


def load_program() -> Path:
    """The load generator, which needs nothing but a C++ compiler."""
    return _built("load", ["load.cpp", "connection.cpp"], [])


def echo_program() -> Path:
    """The echo server; raises `NotBuiltError` where gRPC C++ is not installed."""
    found = subprocess.run(["pkg-config", "--cflags", "--libs", "grpc++"], capture_output=True, text=True, check=False)
    if found.returncode:
        raise NotBuiltError("gRPC C++ is not installed (Debian: apt-get install libgrpc++-dev)")
    return _built("echo", ["echo.cpp"], found.stdout.split())


def _built(name: str, sources: list[str], flags: list[str]) -> Path:
    program = WORK / name
    newest = max(path.stat().st_mtime for path in SOURCE.iterdir())
    if program.exists() and program.stat().st_mtime > newest:
        return program
    compiler = shutil.which("c++")
    if compiler is None:
        raise NotBuiltError("there is no C++ compiler (Debian: apt-get install g++)")
    WORK.mkdir(parents=True, exist_ok=True)
    command = [compiler, "-std=c++20", "-O2", "-Wall", "-Wextra", *(str(SOURCE / source) for source in sources)]
    done = subprocess.run([*command, "-o", str(program), *flags], capture_output=True, text=True, check=False)
    if done.returncode:
        raise NotBuiltError(f"{name} does not compile: {done.stderr[:500]}")
    return program
