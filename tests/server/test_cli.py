"""`recstream serve` without a server: help and the reference of the settings. tests/server/test_app.py has the rest."""

import pytest
import typer
from recstream_server.cli import register
from recstream_server.settings_reference import toml_reference
from typer.testing import CliRunner


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return app


def test_help_shows_an_example(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["serve", "--help"])
    assert result.exit_code == 0
    assert "recstream serve --bundle" in " ".join(result.output.split())


def test_every_setting_can_be_printed(app: typer.Typer) -> None:
    result = CliRunner().invoke(app, ["serve", "--print-config"])
    assert (result.exit_code, result.output) == (0, toml_reference())
