"""`recstream bench`: it finds the benchmarks of the checkout, and hands on what is theirs."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

import recstream
from recstream.cli import bench_commands, build_app
from recstream.errors import RecstreamError

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture
def app():
    return build_app([bench_commands.register, lambda app: app.command("other")(lambda: None)])


@pytest.fixture
def checkout(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A checkout whose one benchmark prints its arguments and exits with 3."""
    monkeypatch.setattr(recstream, "__file__", str(tmp_path / "recstream" / "__init__.py"))
    folder = tmp_path / "benchmarks" / "echo"
    folder.mkdir(parents=True)
    (folder / "__main__.py").write_text("import sys\nprint('given', sys.argv[1:])\nsys.exit(3)\n")
    return tmp_path


def test_the_checkout_has_the_benchmarks_of_the_makefile() -> None:
    names = bench_commands.benchmark_names(CHECKOUT / "benchmarks")
    makefile = (CHECKOUT / "Makefile").read_text()
    assert "topk" in names
    assert all(f"-m benchmarks.{name}" in makefile for name in names)


def test_without_a_name_it_lists_them(app, checkout: Path) -> None:
    assert CliRunner().invoke(app, ["bench"]).stdout == "echo\n"


def test_help_shows_an_example(app) -> None:
    assert "Example: recstream bench topk" in CliRunner().invoke(app, ["bench", "--help"]).stdout


def test_what_follows_the_name_is_for_the_benchmark(app, checkout: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = CliRunner().invoke(app, ["bench", "echo", "--help", "-k", "5"])
    assert done.exit_code == 3
    assert capfd.readouterr().out == "given ['--help', '-k', '5']\n"


def test_an_unknown_benchmark_is_refused_with_those_there_are(app, checkout: Path) -> None:
    done = CliRunner().invoke(app, ["bench", "speed"])
    assert isinstance(done.exception, RecstreamError)
    assert "'speed'; there are echo" in str(done.exception)


def test_an_installed_package_says_where_they_are(app, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(recstream, "__file__", str(tmp_path / "recstream" / "__init__.py"))
    done = CliRunner().invoke(app, ["bench", "topk"])
    assert "source checkout" in str(done.exception)
