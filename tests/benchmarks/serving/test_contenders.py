"""Real servers, small and short: who answers rightly is measured, who does not is left out, and the others go on."""

import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from benchmarks.serving import contenders, reads, writes
from benchmarks.serving.answers import recall
from benchmarks.serving.catalogues import Catalogue
from benchmarks.serving.contenders import PYTHON, Contender
from benchmarks.serving.driver import WRITE_STREAM, Load, LoadError, events, mixed, pairs, queries, run_load
from benchmarks.serving.processes import ServerProcess, StartError
from benchmarks.serving.programs import WORK
from benchmarks.serving.reads import Effort, ReadCase, measure_reads
from benchmarks.serving.watchers import watching

K = 10
SHORT = {"seconds": 0.2, "warmup_s": 0.05, "concurrency": 4}
WRONG = """
import sys
from benchmarks.serving import peer_server
search = peer_server.Model.search
def wrong(self, users, count):
    scores, rows = search(self, users, count)
    return {change}
peer_server.Model.search = wrong
sys.argv = ["peer_server", "threads", "flat", "--bundle", {bundle!r}]
peer_server.main()
"""


@pytest.fixture(autouse=True, scope="module")
def work() -> None:
    WORK.mkdir(parents=True, exist_ok=True)


@pytest.fixture(scope="module")
def server(tiny: Catalogue) -> Iterator[ServerProcess]:
    with writes.serving(tiny, PYTHON, "os", cores="0,1") as server:
        yield server


def wrong_peer(catalogue: Catalogue, change: str) -> list[str]:
    return [sys.executable, "-c", WRONG.format(change=change, bundle=str(catalogue.path))]


def test_the_whole_server_finds_the_exact_top_k(server: ServerProcess, tiny: Catalogue) -> None:
    assert recall(server, tiny, K) == 1.0


def test_calls_and_messages_are_counted(server: ServerProcess, tiny: Catalogue) -> None:
    calls = run_load(server, Load(script=queries(tiny, K, streamed=False), items=K, **SHORT))
    assert calls["per_s"] > 5
    assert 0 < calls["query_p50_ms"] <= calls["query_p99_ms"] <= calls["query_max_ms"]
    assert calls["problems"] == {}
    assert 10 < calls["rss_mib"] < 4000
    rate = {**SHORT, "seconds": 0.5}
    half = run_load(server, Load(script=mixed(tiny, K, 2), items=K, rate=40, **rate))
    assert half["per_s"] == pytest.approx(40, rel=0.25)
    assert half["event_p50_ms"] > 0


def test_an_event_is_in_the_answer_behind_it(server: ServerProcess, tiny: Catalogue) -> None:
    path = "/recstream.v1.RecommendationService/StreamingRecommend"
    seen = run_load(server, Load(script=pairs(tiny, K), items=K, streams=2, path=path, **SHORT))
    assert seen["visible_p50_ms"] > 0
    written = run_load(server, Load(script=events(tiny), streams=1, path=WRITE_STREAM, **SHORT))
    assert written["event_p50_ms"] > 0


def test_answers_of_another_size_are_failures(server: ServerProcess, tiny: Catalogue) -> None:
    with pytest.raises(LoadError, match="an answer has 10 items, not 11"):
        run_load(server, Load(script=queries(tiny, K, streamed=False), items=K + 1, **SHORT))


def test_watchers_are_held_until_the_end(server: ServerProcess, tiny: Catalogue) -> None:
    with watching(server, tiny, 3, K):
        pass
    with pytest.raises(grpc.aio.AioRpcError), watching(server, tiny, 1, -1):
        pass


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("scores, (rows + 1) % 500", "is in no order|answers wrongly"),
        ("scores[:, ::-1], rows[:, ::-1]", "is in no order"),
        ("scores, rows[:, [0] * rows.shape[1]]", "repeats an item"),
        ("scores[:, :-1], rows[:, :-1]", "answers wrongly: 0.9"),
    ],
)
def test_a_wrong_list_is_caught(tiny: Catalogue, change: str, problem: str) -> None:
    with (
        ServerProcess(wrong_peer(tiny, change), cores="0,1") as peer,
        pytest.raises(AssertionError, match=problem),
    ):
        reads.require_recall(recall(peer, tiny, K), reads.LEAST_RECALL[True])


def test_who_cannot_start_is_told_with_what_it_said() -> None:
    script = "import sys; print('no such thing', file=sys.stderr); sys.exit(3)"
    with pytest.raises(StartError, match="no such thing"):
        ServerProcess([sys.executable, "-c", script])
    with pytest.raises(StartError, match=r"said nothing within 0\.2 s"):
        ServerProcess(["sleep", "60"], start_s=0.2)


def test_the_others_go_on(monkeypatch: pytest.MonkeyPatch, tiny: Catalogue) -> None:
    peer, echo = (
        next(c for c in contenders.contenders() if c.name == n)
        for n in ("grpcio threads + faiss Flat", "echo grpc.aio")
    )
    wrong = Contender("wrong", True, lambda catalogue, *_: wrong_peer(catalogue, "scores[:, :-1], rows[:, :-1]"))
    missing = Contender("missing", True, lambda *_: [str(Path("/no/such/program"))])

    def unavailable(*_: object) -> list[str]:
        raise contenders.UnavailableContenderError("not here")

    chosen = [peer, wrong, missing, Contender("unavailable", None, unavailable), echo]
    monkeypatch.setattr(reads, "contenders", lambda: chosen)
    effort = Effort(repeats=2, seconds=0.2, steady_s=0.2)
    cases = [ReadCase("tiny", K, 4, "unary"), ReadCase("tiny", K, 4, "stream")]
    ((records, failures),) = measure_reads(tiny, cases, effort, None)
    assert {(r["contender"], r["mode"], r["repeat"]) for r in records} == {
        (one.name, mode, repeat) for one in (peer, echo) for mode in ("unary", "stream") for repeat in (0, 1)
    }
    assert {record["recall"] for record in records} == {1.0, None}
    whys = {failure["contender"]: failure["why"] for failure in failures}
    assert set(whys) == {"wrong", "missing", "unavailable"}
    assert whys["wrong"].startswith("it answers wrongly: 0.900 of the exact top K")
    assert "/no/such/program" in whys["missing"]
    assert whys["unavailable"] == "not here"


def test_what_fails_is_told_once_and_not_tried_again(monkeypatch: pytest.MonkeyPatch, tiny: Catalogue) -> None:
    tried = []

    def good(catalogue: Catalogue, effort: Effort) -> list[dict[str, object]]:
        return [{"what": "x"}]

    def bad(catalogue: Catalogue, effort: Effort) -> list[dict[str, object]]:
        tried.append(catalogue)
        raise LoadError("no answer")

    monkeypatch.setattr(writes, "attempts", lambda *_: [("bad", bad, (tiny,)), ("good", good, (tiny,))])
    made = list(writes.measure_writes(tiny, tiny, [], Effort(repeats=2, seconds=0.1, steady_s=0.1)))
    assert tried == [tiny]
    assert [(len(records), [f["why"] for f in failures]) for records, failures in made] == [
        (0, ["no answer"]),
        (1, []),
        (1, []),
    ]
