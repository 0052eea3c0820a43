"""What reaches standard error."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from recstream_server.settings import LogSettings
from recstream_server.telemetry.logs import LogLimit, configure_logs, shown


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_lines_of_json_with_libraries_among_them(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogSettings(format="json"))
    structlog.get_logger("a").info("started", items=3)
    structlog.get_logger("a").debug("hidden")
    logging.getLogger("some.library").warning("hello %s", "there")
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.err.splitlines()]
    assert captured.out == ""
    assert [(line["event"], line["level"]) for line in lines] == [("started", "info"), ("hello there", "warning")]
    assert lines[0]["items"] == 3
    assert lines[0]["timestamp"].endswith("Z")


def test_a_traceback_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogSettings(format="json"))
    structlog.get_logger("a").error("failed", exc_info=ZeroDivisionError("oh"))
    (line,) = capsys.readouterr().err.splitlines()
    assert json.loads(line)["exception"][0]["exc_type"] == "ZeroDivisionError"


def test_the_console_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs(LogSettings(format="console", level="debug"))
    structlog.get_logger("recstream_server.a").debug("seen", items=3)
    assert "seen" in capsys.readouterr().err


def test_ids_are_escaped_and_cut() -> None:
    assert shown("plain-id") == "plain-id"
    assert shown("a\nb\x1b[31m") == "a\\nb\\x1b[31m"
    assert shown("x" * 1000, limit=10) == "x" * 10 + "... (1000 characters)"


def test_a_flood_is_one_line_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    limit = LogLimit()
    assert [limit.passes("a") for _ in range(3)] == [0, None, None]
    assert limit.passes("b") == 0
    now = 101.0
    assert [limit.passes("a"), limit.passes("a")] == [2, None]
