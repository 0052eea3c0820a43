"""The commands that talk to a server, run as processes against a real channel."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from recstream.cli.tables import move
from recstream.v1 import model_service_pb2 as model_pb
from recstream.v1 import recommendation_service_pb2 as pb
from recstream.v1 import user_event_service_pb2 as event_pb
from recstream.v1.types_pb2 import FALLBACK_POPULAR, SEEN_POLICY_INCLUDE_SEEN, ModelVersion, Recommendation

RECSTREAM = Path(sys.executable).with_name("recstream")
MODEL = ModelVersion(name="films", version="0123456789ab")
Serve = Callable[..., str]


def run(*arguments: str) -> str:
    done = subprocess.run([RECSTREAM, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def film(item_id: str, title: str, score: float) -> Recommendation:
    item = Recommendation(item_id=item_id, score=score)
    item.attributes["title"].string_value = title
    item.attributes["genres"].string_list.values.extend(["Drama", "War"])
    item.attributes["year"].number_value = 1968
    return item


FILMS = [film("50", "Once Upon a Time in the West", 1.25), film("7", "\x1b[31mred [bold]alert[/bold]\n", -0.5)]


def test_recommend_shows_titles_and_genres(serve: Serve) -> None:
    asked: list[Any] = []

    def recommend(request: Any, context: Any) -> Any:
        asked.append(request)
        answer = pb.RecommendItemsResponse(recommendations=FILMS, model=MODEL, state_version=17)
        answer.missing_item_ids.append("zz")
        answer.fallback = FALLBACK_POPULAR
        return answer

    options = ("-k", "2", "--include-seen", "--exclude", "1", "--exclude", "2", "--candidate", "50", "--session", "s")
    lines = run("recommend", "--user", "42", "--target", serve(RecommendItems=recommend), *options).splitlines()
    assert lines[0].split() == ["#", "item", "title", "genres", "score"]
    assert lines[1].split() == ["1", "50", "Once", "Upon", "a", "Time", "in", "the", "West", "Drama,", "War", "1.2500"]
    # What would move the cursor or colour the screen is shown as such; brackets are no markup.
    assert lines[2].split() == ["2", "7", "�[31mred", "[bold]alert[/bold]�", "Drama,", "War", "-0.5000"]
    assert lines[3] == "films 0123456789ab, state version 17, popular items, unknown: zz"
    (request,) = asked
    assert (request.user_id, request.session_id, request.page_size) == ("42", "s", 2)
    assert request.seen_policy == SEEN_POLICY_INCLUDE_SEEN
    assert (list(request.exclude_item_ids), list(request.candidate_item_ids)) == (["1", "2"], ["50"])
    assert request.include_attributes


def test_recommend_as_json(serve: Serve) -> None:
    target = serve(RecommendItems=lambda request, context: pb.RecommendItemsResponse(recommendations=FILMS))
    answer = json.loads(run("recommend", "--user", "42", "--json", "--target", target))
    assert [item["item_id"] for item in answer["recommendations"]] == ["50", "7"]


def test_items_without_attributes_need_no_columns_for_them(serve: Serve) -> None:
    bare = pb.RecommendItemsResponse(recommendations=[Recommendation(item_id="1", score=2)])
    lines = run("recommend", "--target", serve(RecommendItems=lambda request, context: bare)).splitlines()
    assert lines[0].split() == ["#", "item", "score"]
    assert lines[1].split() == ["1", "1", "2.0000"]


def test_event_tells_its_state_version(serve: Serve) -> None:
    def write(request: Any, context: Any) -> Any:
        assert (request.event.user_id, request.event.item_id, request.event.event_type) == ("42", "50", "rating")
        assert request.event.value == 4.5
        return event_pb.WriteUserEventResponse(event_id=request.event.event_id, state_version=9, duplicate=True)

    event = ("event", "--user", "42", "--item", "50", "--type", "rating", "--value", "4.5", "--event-id", "e1")
    assert run(*event, "--target", serve(WriteUserEvent=write)) == "event e1 was stored before, state version 9\n"


def test_events_are_cut_to_the_count(serve: Serve) -> None:
    def events(request: Any, context: Any) -> Any:
        page = event_pb.ListUserEventsResponse(next_page_token="more")
        for version in range(request.page_size):
            stored = page.events.add(state_version=100 - version)
            stored.event.item_id, stored.event.event_type = f"item{version}", "click"
        return page

    lines = run("events", "--user", "42", "--count", "3", "--target", serve(ListUserEvents=events)).splitlines()
    assert lines[0].split() == ["state", "time", "type", "item", "value", "event", "id"]
    assert [line.split()[0] for line in lines[1:]] == ["100", "99", "98"]


def test_similar_and_models(serve: Serve) -> None:
    def similar(request: Any, context: Any) -> Any:
        return pb.FindSimilarItemsResponse(recommendations=FILMS[: request.page_size], model=MODEL)

    def models(request: Any, context: Any) -> Any:
        model = model_pb.Model(
            version=MODEL, family="als", retrieval="exact", item_count=1682, metrics={"ndcg@10": 0.3}
        )
        return model_pb.ListModelsResponse(models=[model])

    target = serve(FindSimilarItems=similar, ListModels=models)
    lines = run("similar", "--item", "50", "-k", "1", "--target", target).splitlines()
    assert "Once Upon a Time in the West" in lines[1]
    assert lines[2] == "films 0123456789ab"
    table = run("models", "--target", target)
    assert "als" in table
    assert "ndcg@10 0.3000" in table
    assert json.loads(run("models", "--json", "--target", target))["item_count"] == "1682"


def push(request: pb.WatchRecommendationsRequest, context: Any) -> Iterator[Any]:
    lists = [["a", "b", "c"], ["c", "a", "d"]]
    causes = [pb.WatchRecommendationsResponse.CAUSE_INITIAL, pb.WatchRecommendationsResponse.CAUSE_EVENT]
    for version, (ids, cause) in enumerate(zip(lists, causes, strict=True)):
        items = [Recommendation(item_id=item_id) for item_id in ids]
        answer = pb.RecommendItemsResponse(recommendations=items, state_version=version)
        yield pb.WatchRecommendationsResponse(recommendation=answer, cause=cause)
    ended = threading.Event()
    context.add_callback(ended.set)
    ended.wait(60)


def test_watch_shows_what_moved_and_why(serve: Serve) -> None:
    lines = run("watch", "--user", "42", "--lists", "2", "--target", serve(WatchRecommendations=push)).splitlines()
    assert lines[0].endswith("first list, state version 0")
    assert lines[5].endswith("an event changed the list, state version 1")
    assert [line.split()[:-1] for line in lines[6:]] == [
        ["#", "moved", "item"],
        ["1", "▲", "2", "c"],
        ["2", "▼", "1", "a"],
        ["3", "new", "d"],
    ]


def test_watch_as_json_is_a_line_a_list(serve: Serve) -> None:
    out = run("watch", "--user", "42", "--lists", "2", "--json", "--target", serve(WatchRecommendations=push))
    assert [json.loads(line)["cause"] for line in out.splitlines()] == ["CAUSE_INITIAL", "CAUSE_EVENT"]


def test_watch_redraws_on_a_terminal_and_ends_quietly_with_ctrl_c(serve: Serve) -> None:
    ours, theirs = pty.openpty()
    command = [RECSTREAM, "watch", "--user", "42", "--target", serve(WatchRecommendations=push)]
    process = subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE, env=os.environ | {"TERM": "xterm"}
    )
    os.close(theirs)
    screen = b""
    while b"state version 1" not in screen or b"new" not in screen:
        screen += os.read(ours, 4096)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=30)
    os.close(ours)
    assert (process.returncode, errors) == (0, b"")
    assert b"\x1b[1A" in screen  # the cursor went up, to draw over the first list


@pytest.mark.parametrize(("rank", "expected"), [(0, "+2"), (2, ""), (3, "-1")])
def test_move(rank: int, expected: str) -> None:
    assert move("x", rank, ["a", "b", "x"]) == expected
    assert move("y", rank, ["a", "b", "x"]) == "new"
