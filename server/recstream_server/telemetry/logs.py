"""The log of the process: structured lines on standard error, those of libraries included."""

import logging
import sys
import time
from typing import Any

import structlog

from recstream_server.settings import LogSettings


def configure_logs(settings: LogSettings) -> None:
    """Set up structlog and the standard library's logging; call once, at start."""
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(settings)],
        )
    )
    logging.basicConfig(handlers=[handler], level=max(level, logging.INFO), force=True)
    logging.getLogger("recstream_server").setLevel(level)


def _rendering(settings: LogSettings) -> list[Any]:
    if settings.format == "console" or (settings.format == "auto" and sys.stderr.isatty()):
        return [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    return [structlog.processors.dict_tracebacks, structlog.processors.JSONRenderer()]


def shown(text: str, *, limit: int = 200) -> str:
    """A text that comes from a request, as a log may show it: no control or foreign characters, no endless lines."""
    cut = text[:limit].encode("unicode_escape").decode()
    return f"{cut}... ({len(text)} characters)" if len(text) > limit else cut


class LogLimit:
    """Lets one line a second through for each key, and counts the others.

    Parameters
    ----------
    interval_s : float
    """

    def __init__(self, interval_s: float = 1.0) -> None:
        self._interval_s = interval_s
        self._last: dict[object, tuple[float, int]] = {}

    def passes(self, key: object) -> int | None:
        """How many lines were held back since the last one, or None to hold this one back as well."""
        now = time.monotonic()
        last, held_back = self._last.get(key, (-self._interval_s, 0))
        if now - last < self._interval_s:
            self._last[key] = (last, held_back + 1)
            return None
        self._last[key] = (now, 0)
        return held_back
