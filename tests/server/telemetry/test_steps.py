"""Times of the work beside calls."""

import contextlib
import gc
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from recstream_server.telemetry.steps import STEP_SECONDS, Steps
from structlog.testing import capture_logs

from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb


def samples(steps: Steps) -> dict[tuple[str, ...], float]:
    registry = CollectorRegistry()
    registry.register(steps)
    (family,) = text_string_to_metric_families(generate_latest(registry).decode())
    return {(s.name.rpartition("_")[2], *s.labels.values()): s.value for s in family.samples}


def test_steps_are_counted_by_how_long_they_took() -> None:
    steps = Steps(slow_ms=1000)
    for _ in range(3):
        with steps.time("commit"):
            time.sleep(0.011)
    with pytest.raises(OSError, match="full"), steps.time("fold"):
        raise OSError("full")
    found = samples(steps)
    assert found["count", "commit"] == 3
    assert found["sum", "commit"] >= 0.033
    of_commit = {key: value for key, value in found.items() if key[0] == "bucket" and "commit" in key}
    assert len(of_commit) == len(STEP_SECONDS) + 1
    assert max(of_commit.values()) == 3
    assert found[next(key for key in of_commit if "0.01" in key)] == 0
    assert found["count", "fold"] == 1


def test_only_slow_steps_are_logged() -> None:
    steps = Steps(slow_ms=5)
    with capture_logs() as lines:
        with steps.time("checkpoint"):
            pass
        with steps.time("snapshot_save"):
            time.sleep(0.006)
    assert [(line["event"], line["step"]) for line in lines] == [("step_slow", "snapshot_save")]
    assert lines[0]["seconds"] >= 0.006


def test_collections_are_timed_and_logged_with_the_next_step() -> None:
    steps = Steps(slow_ms=1e-6)
    with capture_logs() as lines:
        with steps.watching_collector():
            gc.collect()
        gc.collect()
        with steps.time("commit"):
            assert lines == []
    assert samples(steps)["count", "collect"] >= 1
    assert [line["step"] for line in lines][:2] == ["commit", "collect"]
    assert lines[1]["ended_seconds_ago"] > 0


def test_a_server_times_its_steps_and_names_its_threads(start_server: Callable[..., Any]) -> None:
    server = start_server("--metrics", "127.0.0.1:0")
    event = types.UserEvent(event_id="e", user_id="u", item_id="item-1", event_type="click")
    server.user_event.WriteUserEvent(event_pb.WriteUserEventRequest(event=event))
    metrics = server.metrics()
    for step in ("commit", "fold", "notify"):
        assert metrics[f'recstream_step_seconds_count{{step="{step}"}}'] == 1
    assert {"event-writer", "snapshotter", "event-checkpoin"} <= set(thread_names(server.process.pid))


def thread_names(pid: int) -> Iterator[str]:
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # a thread that has ended
            yield (task / "comm").read_text().strip()
