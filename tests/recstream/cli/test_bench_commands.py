"""`recstream bench`: it finds the benchmarks of the checkout, and hands on what is theirs."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

import recstream
from recstream.cli import bench_commands, build_app
from recstream.errors import RecstreamError

CHECKOUT = Path(__file__).parents[3]


@pytest.fixture
def app(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(recstream, "__file__", str(CHECKOUT / "recstream" / "__init__.py"))
    return build_app([bench_commands.register, lambda app: app.command("other")(lambda: None)])


def test_it_lists_the_benchmarks_of_the_checkout(app) -> None:
    assert CliRunner().invoke(app, ["bench"]).stdout.split() == ["als", "event_log", "front", "topk"]


def test_help_shows_an_example(app) -> None:
    assert "Example: recstream bench topk" in CliRunner().invoke(app, ["bench", "--help"]).stdout


def test_what_follows_the_name_is_for_the_benchmark(app, capfd: pytest.CaptureFixture[str]) -> None:
    done = CliRunner().invoke(app, ["bench", "event_log", "--help"])
    assert done.exit_code == 0
    assert "--events" in capfd.readouterr().out


def test_the_exit_code_is_that_of_the_benchmark(app) -> None:
    assert CliRunner().invoke(app, ["bench", "event_log", "--no-such-option"]).exit_code == 2


def test_an_unknown_benchmark_is_refused_with_those_there_are(app) -> None:
    done = CliRunner().invoke(app, ["bench", "speed"])
    assert isinstance(done.exception, RecstreamError)
    assert "als, event_log, front, topk" in str(done.exception)


def test_an_installed_package_says_where_they_are(app, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(recstream, "__file__", str(tmp_path / "recstream" / "__init__.py"))
    done = CliRunner().invoke(app, ["bench", "topk"])
    assert "source checkout" in str(done.exception)
