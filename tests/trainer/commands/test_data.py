"""`recstream data`, as one would type it."""

import json
from pathlib import Path

import pytest
import typer
from recstream_trainer.commands import data
from typer.testing import CliRunner

from recstream.errors import DataError


def run(*arguments: str) -> str:
    app = typer.Typer()
    data.register(app)
    app.callback()(lambda: None)
    result = CliRunner().invoke(app, ["data", *arguments], env={"COLUMNS": "200"}, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A file of four events, one of them bad, of which one repeats another."""
    path = tmp_path / "shop.csv"
    path.write_text("uid,sku,when\nu,a,2024-01-01\nv,[b],2024-01-02\nu,,2024-01-03\nu,a,2024-01-04\n")
    return path


def test_describe_tells_sizes_cleaning_and_the_first_rows(shop: Path) -> None:
    output = run("describe", str(shop), "--columns", "timestamp=when")
    lines = [line.split("│")[1:-1] for line in output.splitlines() if line.startswith("│")]
    cells = [[cell.strip() for cell in line] for line in lines]
    assert ["users", "2"] in cells
    assert ["rows read", "4"] in cells
    assert ["interactions", "2"] in cells
    assert ["sparsity", "50.00%"] in cells
    assert ["a user and an item", "1", "3", "row 3: user=u, item=None, timestamp=2024-01-03"] in cells
    assert ["v", "[b]", "1704153600", "1.0"] in cells


def test_describe_writes_json(shop: Path, tmp_path: Path) -> None:
    run("describe", str(shop), "--columns", "timestamp=when", "--json", str(tmp_path / "new" / "x.json"))
    told = json.loads((tmp_path / "new" / "x.json").read_text())
    assert (told["users"], told["items"], told["rows_read"], told["interactions"]) == (2, 2, 4, 2)
    assert told["timestamps"] == [1704153600, 1704326400]
    assert [step["dropped"] for step in told["cleaning"]] == [1, 0, 0, 0, 1]
    assert len(told["fingerprint"]) == 64


def test_describe_shows_attributes(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "items.csv").write_text("sku,title,tags\na,Alpha,x|y\n")
    output = run("describe", str(shop), "--items", str(tmp_path / "items.csv"), "--rows", "2")
    assert "Alpha" in output
    assert "x, y" in output


def test_columns_that_are_not_there_are_an_error(shop: Path) -> None:
    with pytest.raises(DataError, match="there is no column 'stars' for the rating; the columns are: uid, sku, when"):
        run("describe", str(shop), "--columns", "rating=stars")


def test_fetch_tells_where_and_on_what_terms() -> None:
    output = run("fetch", "ml-100k")
    assert "ml-100k: 2.0 MB in " in output
    assert "Terms of use: GroupLens" in output


@pytest.mark.parametrize("command", ["fetch", "describe"])
def test_help_has_an_example(command: str) -> None:
    assert f"Example: recstream data {command} ml-100k" in run(command, "--help")
