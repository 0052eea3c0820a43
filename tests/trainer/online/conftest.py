"""Logs of a made-up server whose rates are known."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from recstream_server.event_log import NewEvent, SqliteEventLog
from recstream_trainer.online.logged_events import read_events

from recstream import event_log_format
from recstream.attribution import token_head
from recstream.bundle import BundleContent, DataRecord, DecayedPooling, TrainingRecord, write_bundle
from recstream.event_log_format import LogPlace

START_US = 1_700_000_000_000_000
HOUR_US = 3_600_000_000
OLD, NEW = ("old-als", "0123456789ab"), ("new-als", "ba9876543210")

Logged = tuple[pl.DataFrame, LogPlace]


def build_event(kind: str, user: str, item: str, *, model: tuple[str, str] | None = OLD, **fields: Any) -> NewEvent:
    """An event; `state` is the state version in its token, `hour` when it happened, the rest fields of NewEvent."""
    token = fields.pop("token", f"{token_head(*model)}{fields.pop('state', 0)}" if model else "")
    time_us = START_US + int(fields.pop("hour", 0.0) * HOUR_US)
    event = NewEvent("", user, "", item, kind, None, time_us, token, "")
    return event._replace(**fields)


def write_log(state: Path, events: Sequence[NewEvent]) -> Path:
    """Write with the server's own log, closed before it is read; events without an id are numbered."""
    log = SqliteEventLog(state / event_log_format.FILE, durability="os")
    log.append([event._replace(event_id=event.event_id or f"e{place}") for place, event in enumerate(events, 1)])
    log.close()
    return state


@pytest.fixture(scope="session")
def event() -> Callable[..., NewEvent]:
    return build_event


@pytest.fixture
def logged(tmp_path: Path) -> Callable[..., Logged]:
    """Write events to a log, and read it as the command does."""
    return lambda *events: read_events(write_log(tmp_path, events))


@pytest.fixture(scope="session")
def written() -> Callable[[Path, Sequence[NewEvent]], Path]:
    return write_log


@pytest.fixture(scope="session")
def pooling_bundle() -> Callable[..., Path]:
    """A bundle over items i0, i1, ... whose users are the decayed mean of what they touched; i0 is the most popular."""

    def make(folder: Path, *, items: int = 12, log: LogPlace | None = None) -> Path:
        rng = np.random.default_rng(3)
        content = BundleContent(
            name="target",
            family="als",
            item_ids=[f"i{row}" for row in range(items)],
            item_vectors=rng.standard_normal((items, 4)).astype(np.float32),
            item_popularity=np.arange(items, 0, -1, dtype=np.float32),
            user_ids=["known"],
            user_vectors=rng.standard_normal((1, 4)).astype(np.float32),
            history=(np.array([0, 2], np.int64), np.array([1, 2], np.int32), np.ones(2, np.float32)),
            encoder=DecayedPooling(5.0),
            items=pl.DataFrame({"title": [f"Item {row}" for row in range(items)]}),
            metrics={},
            training=TrainingRecord(1, None, {}),
            data=DataRecord("made up", 2, "0" * 64, log),
        )
        write_bundle(folder, content)
        return folder

    return make
