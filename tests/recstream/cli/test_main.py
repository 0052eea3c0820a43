"""The command as a person runs it: fast, and clear when something is missing."""

import re
import subprocess
import sys
from importlib.metadata import EntryPoint, version
from pathlib import Path

import pytest

from recstream import cli

RECSTREAM = Path(sys.executable).with_name("recstream")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([RECSTREAM, *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_version() -> None:
    done = run("--version")
    assert (done.returncode, done.stdout) == (0, f"recstream {version('recstream')}\n")


def test_without_arguments_it_shows_help() -> None:
    assert "Usage: recstream" in run().stdout + run().stderr


@pytest.mark.parametrize("command", ["recommend", "event", "events", "similar", "watch", "models", "load"])
def test_help_shows_an_example(command: str) -> None:
    done = run(command, "--help")
    assert done.returncode == 0
    assert re.search(rf"Example: recstream {command}\b", done.stdout)


def test_nothing_heavy_is_imported_before_a_command_runs() -> None:
    heavy = ("grpc", "google.protobuf", "numpy", "polars", "torch", "faiss", "pydantic", "matplotlib")
    code = (
        "import sys; sys.argv = ['recstream', '--help']\n"
        "from recstream.cli import main\n"
        "try: main()\n"
        f"finally: print('HEAVY', [name for name in {heavy} if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
    assert "HEAVY []" in done.stdout


def test_an_error_is_one_line_and_exit_code_1() -> None:
    done = run("recommend", "--user", "1", "--target", "127.0.0.1:1", "--timeout", "20")
    assert done.returncode == 1
    assert re.fullmatch(
        r"error: no server can be reached at 127\.0\.0\.1:1; check that it runs there .*\n", done.stderr
    )
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments", [("recommend", "--no-such-option"), ("recommend", "-k", "0"), ("event", "--user", "1"), ("no-such",)]
)
def test_wrong_usage_is_exit_code_2(arguments: tuple[str, ...]) -> None:
    assert run(*arguments).returncode == 2


HELLO = """
def register(app):
    @app.command()
    def hello(): print("hello")

    @app.command()
    def bye(): pass
"""


class Installed:
    """Entry points of made-up packages, in place of the installed ones."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder, self._monkeypatch = folder, monkeypatch
        self._entries: list[EntryPoint] = []
        monkeypatch.syspath_prepend(str(folder))
        monkeypatch.setattr(cli, "entry_points", lambda group: self._entries)

    def add(self, extra: str, module: str, code: str) -> None:
        (self._folder / f"{module}.py").write_text(code)
        self._entries.append(EntryPoint(extra, f"{module}:register", cli.GROUP))
        self._monkeypatch.delitem(sys.modules, module, raising=False)

    def main(self, *arguments: str) -> int:
        self._monkeypatch.setattr(sys, "argv", ["recstream", *arguments])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return int(caught.value.code or 0)


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    packages = Installed(tmp_path, monkeypatch)
    packages.add("client", "made_up_client", HELLO)
    return packages


def test_a_command_whose_extra_is_not_installed_says_how(
    installed: Installed, capsys: pytest.CaptureFixture[str]
) -> None:
    installed.add("server", "made_up_server", "import no_such_package.part\ndef register(app): ...\n")
    assert installed.main("serve") == 1
    hint = "no_such_package is not installed: pip install 'recstream[server]'"
    assert capsys.readouterr().err == f"error: no command 'serve' is installed; {hint}\n"
    assert installed.main("hello") == 0
    assert capsys.readouterr().out == "hello\n"
    assert installed.main("--help") == 0
    assert hint in " ".join(capsys.readouterr().out.split())


def test_a_dependency_that_is_missed_while_running_is_named(
    installed: Installed, capsys: pytest.CaptureFixture[str]
) -> None:
    code = "def register(app):\n    @app.command()\n    def serve(): import no_such_package\n"
    installed.add("server", "made_up_server", code)
    assert installed.main("serve") == 1
    hint = "no_such_package is not installed: pip install 'recstream[server]'"
    assert capsys.readouterr().err == f"error: `recstream serve`: {hint}\n"


@pytest.mark.parametrize(
    "code",
    ["import recstream.no_such_module", "import json.no_such_module", "from json import no_such_name", "1 / 0"],
)
def test_a_defect_is_not_taken_for_a_missing_dependency(installed: Installed, code: str) -> None:
    installed.add("server", "made_up_server", code)
    with pytest.raises((ImportError, ZeroDivisionError)):
        cli.load_registers()


def test_a_defect_while_running_is_not_hidden(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "def register(app):\n    @app.command()\n    def serve(): import recstream.no_such_module\n"
    installed.add("server", "made_up_server", code)
    monkeypatch.setattr(sys, "argv", ["recstream", "serve"])
    with pytest.raises(ModuleNotFoundError, match="no_such_module"):
        cli.main()
