"""`recstream verify` of bundles that came from a server's own events, and from an earlier bundle."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import recstream

RECSTREAM = Path(sys.executable).with_name("recstream")
USERS, ASKED = 24, 5
SORTS = ("the trainer", "the bundle", "recent events", "live events")


def command(*options: object) -> str:
    done = subprocess.run([RECSTREAM, *map(str, options)], capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def train(out: Path, state: Path, *more: object) -> Path:
    given = ("train", "--model", "two_tower", "--data", f"events:{state}", "--quick", "--set", "training.max_epochs=2")
    command(*given, "--out", out, *more)
    return out


def click(client: recstream.Client, items: list[str], seed: int) -> None:
    random = np.random.default_rng(seed)
    with client.stream_events() as stream:
        for user in range(USERS):
            for item in random.choice(items[30 * (user % 2) : 30 * (user % 2) + 30], 8, replace=False):
                stream.send_event(item_id=str(item), event_type="click", user_id=f"new-{user}")


def verified(bundle: Path, server: Any) -> str:
    return command("verify", "--bundle", bundle, "--target", server.target, "--users", ASKED)


def test_what_came_from_events_and_from_an_earlier_bundle_is_verified(
    start_server: Callable[..., Any], ml100k: Path, tmp_path: Path
) -> None:
    state, items = tmp_path / "state", recstream.load_bundle(ml100k).item_ids.to_list()
    server = start_server(ml100k, state)
    with recstream.Client(server.target) as client:
        click(client, items, 1)
        first = train(tmp_path / "first", state, "--items", ml100k)
        click(client, items, 2)
    assert server.terminate() == 0
    second = train(tmp_path / "second", state, "--items", ml100k, "--init-from", first)

    for bundle in (first, second):
        server = start_server(bundle, tmp_path / f"{bundle.name}-anew")
        told = verified(bundle, server)
        assert "skipped" not in told
        for sort in SORTS:
            assert re.search(rf"\d+ users compared with {sort}\n", told), told
        assert server.terminate() == 0

    # Where its events are, everybody it knows has live ones.
    server = start_server(second, state)
    told = verified(second, server)
    assert f"{ASKED} users skipped: they have live events" in told
    assert f"{ASKED} users compared with live events" in told
    assert "compared with the trainer" not in told
