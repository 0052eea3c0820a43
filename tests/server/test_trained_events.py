"""Which events a served model has been trained on."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from recstream_server.event_log import NewEvent, SqliteEventLog
from recstream_server.trained_events import trained_version

from recstream.bundle import Manifest, load_bundle
from recstream.event_log_format import LogPlace


@pytest.fixture
def log(tmp_path: Path, new_event: Callable[..., NewEvent]) -> Iterator[SqliteEventLog]:
    log = SqliteEventLog(tmp_path / "events.db")
    log.append([new_event(number) for number in range(10)])
    yield log
    log.close()


@pytest.fixture
def manifest(bundle_path: Path) -> Manifest:
    return load_bundle(bundle_path).manifest


def trained_on(manifest: Manifest, place: LogPlace | None) -> Manifest:
    return replace(manifest, data=replace(manifest.data, log=place))


def test_the_version_counts_on_the_log_that_it_is_of(log: SqliteEventLog, manifest: Manifest) -> None:
    for version in (0, 4, 10):
        assert trained_version(trained_on(manifest, LogPlace(log.identity(), version)), log) == version


def test_a_model_of_other_data_or_another_log_has_none(log: SqliteEventLog, manifest: Manifest) -> None:
    assert trained_version(manifest, log) == 0
    assert trained_version(trained_on(manifest, LogPlace("0" * 32, 4)), log) == 0


def test_a_log_that_lost_events_is_another_one(log: SqliteEventLog, manifest: Manifest) -> None:
    assert trained_version(trained_on(manifest, LogPlace(log.identity(), 11)), log) == 0
