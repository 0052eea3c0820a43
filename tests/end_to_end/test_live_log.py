"""The whole loop: what people do on a server becomes the next model, which the server then answers from."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import recstream
from recstream.bundle.engine import build_engine
from recstream.v1 import types_pb2 as types

RECSTREAM = Path(sys.executable).with_name("recstream")
USERS = 40


def train(state: Path, items: Path, out: Path) -> recstream.Bundle:
    command = [RECSTREAM, "train", "--model", "als", "--data", f"events:{state}", "--items", items, "--out", out]
    done = subprocess.run([*map(str, command), "--quick"], capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    return recstream.load_bundle(out)


def click(client: recstream.Client, tastes: list[list[str]]) -> None:
    """Half of the new people click on half of the first taste's items, half on the second's; all is acknowledged."""
    random = np.random.default_rng(3)
    with client.stream_events() as stream:
        for user in range(USERS):
            for item in random.choice(tastes[user % 2], 15, replace=False):
                stream.send_event(item_id=str(item), event_type="click", user_id=f"new-{user}")


def counts_once(client: recstream.Client, bundle: recstream.Bundle, item: str) -> None:
    """Answers are those of the history alone until there is a new event, and then those of both."""
    alone = build_engine(bundle)
    for count in range(2):
        for user in ("new-1", "new-2"):
            answer = client.recommend_items(user, page_size=10)
            expected = alone.recommend(user_id=user, k=10)
            assert [one.item_id for one in answer.recommendations] == expected.item_ids
            assert [one.score for one in answer.recommendations] == expected.scores
            if not count:
                version = client.write_user_event(item_id=item, event_type="click", user_id=user).state_version
                alone.apply([(version, user, "", item, 1.0, True, 0)])


def test_what_a_server_collects_becomes_its_next_model(
    start_server: Callable[..., Any], ml100k: Path, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    server = start_server(ml100k, state)
    items = recstream.load_bundle(ml100k).item_ids.to_list()
    tastes = [items[:30], items[30:60]]
    with recstream.Client(server.target) as client:
        click(client, tastes)
        client.write_user_event(item_id="not in the model", event_type="click", user_id="new-0")
        client.write_user_event(item_id=items[99], event_type="impression", user_id="new-0")

    beside = train(state, ml100k, tmp_path / "beside")
    server.kill()
    after = train(state, ml100k, tmp_path / "after")
    assert after.manifest.version == beside.manifest.version
    assert set(after.user_ids.to_list()) == {f"new-{user}" for user in range(USERS)}
    assert set(after.item_ids.to_list()) == {*items[:60], "not in the model"}
    assert after.manifest.data.interactions == 15 * USERS + 1
    assert after.manifest.data.log is not None
    assert after.manifest.data.log.version == 15 * USERS + 2
    assert "title" in after.items.columns

    server = start_server(tmp_path / "after", state)
    with recstream.Client(server.target) as client:
        for user in range(4):
            answer = client.recommend_items(f"new-{user}", page_size=10)
            assert answer.fallback == types.FALLBACK_NONE
            liked = [one.item_id in tastes[user % 2] for one in answer.recommendations]
            assert sum(liked) >= 9, (user, liked)
        counts_once(client, recstream.load_bundle(tmp_path / "after"), "not in the model")
    assert server.terminate() == 0
