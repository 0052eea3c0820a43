"""The main job, end to end on real data: train on MovieLens 100k, serve, and watch events change a person's films.

    python examples/demo.py            show it, then stop the server
    python examples/demo.py --serve    train, leave the server running, and print commands to try

What it trains is kept in demo/ and used again the next time; the server's state is made anew.
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

import recstream
from recstream.cli.tables import recommendation_table
from recstream.v1.recommendation_service_pb2 import RecommendItemsResponse

RECSTREAM = Path(sys.executable).with_name("recstream")
HISTORY_LENGTH = range(25, 60)
GENRE, LIKES = "Sci-Fi", 8
# A pipe has no width: wide enough for titles and genres.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 110)


class Film(NamedTuple):
    """A row of the catalogue."""

    item_id: str
    title: str
    genres: list[str]


def train(out: Path) -> None:
    """Make the bundle, unless it is there."""
    if out.is_dir():
        console.print(f"using the model trained before; remove {out} to train again")
        return
    command = [RECSTREAM, "train", "--model", "als", "--data", "ml-100k", "--out", out]
    subprocess.run(command, check=True)


@contextmanager
def server(bundle: Path, state: Path, listen: str) -> Iterator[str]:
    """Run the server in its own process; gives its address."""
    shutil.rmtree(state, ignore_errors=True)
    command = [RECSTREAM, "serve", "--bundle", bundle, "--state", state, "--listen", listen]
    log_file = state.with_name("server.log")
    with log_file.open("w") as log:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    ready = process.stdout.readline().strip()
    if not ready:
        sys.exit(f"the server did not start; see {log_file}")
    console.print(f"[bold]{ready}[/bold]")
    try:
        yield ready.rsplit(" ", 1)[1]
    finally:
        process.terminate()
        code = process.wait(30)
        console.print(f"server stopped with exit code {code}")
        if code:
            sys.exit(code)


def catalogue(bundle: recstream.Bundle) -> list[Film]:
    """All films, in row order."""
    columns = bundle.items.select("title", "genres").iter_rows()
    return [Film(item_id, *row) for item_id, row in zip(bundle.item_ids.to_list(), columns, strict=True)]


def somebody(bundle: recstream.Bundle) -> int:
    """Choose the first person of the data set whose history is neither short nor long."""
    lengths = bundle.history_indptr[1:] - bundle.history_indptr[:-1]
    return next(row for row, length in enumerate(lengths) if length in HISTORY_LENGTH)


def history(bundle: recstream.Bundle, films: list[Film], user: int) -> list[Film]:
    """What the person watched, oldest first."""
    rows = bundle.history_rows[bundle.history_indptr[user] : bundle.history_indptr[user + 1]]
    return [films[row] for row in rows]


def show_history(user_id: str, watched: list[Film]) -> None:
    """Print the end of a history, and its genres."""
    genres = Counter(genre for film in watched for genre in film.genres).most_common(5)
    console.rule(f"user {user_id} has liked {len(watched)} films, most of all {', '.join(name for name, _ in genres)}")
    table = Table("title", "genres", box=None, header_style="bold", pad_edge=False)
    for film in watched[-8:]:
        table.add_row(film.title, ", ".join(film.genres))
    console.print(table)


def run_of_one_genre(
    bundle: recstream.Bundle, films: list[Film], watched: list[Film], top: RecommendItemsResponse
) -> list[Film]:
    """The most popular films of a genre that the person neither knows nor was shown."""
    known = {film.item_id for film in watched} | {one.item_id for one in top.recommendations}
    popular = (films[row] for row in (-bundle.item_popularity).argsort(kind="stable"))
    fresh = (film for film in popular if GENRE in film.genres and film.item_id not in known)
    return list(islice(fresh, LIKES))


def like(
    client: recstream.Client, user_id: str, films: list[Film], top: RecommendItemsResponse
) -> RecommendItemsResponse:
    """Send the events on one stream, a query right behind each; print how soon the answer had changed."""
    with client.stream() as stream:
        for film in films:
            before = [one.item_id for one in top.recommendations]
            start = time.perf_counter()
            event = stream.send_event(user_id=user_id, item_id=film.item_id, event_type="like")
            answer = stream.recommend(user_id, page_size=10, include_attributes=True)
            version = event.result().state_version
            stored_ms = 1000 * (time.perf_counter() - start)
            top = answer.result()
            changed_ms = 1000 * (time.perf_counter() - start)
            entered = [one for one in top.recommendations if one.item_id not in before]
            moved = sum(one.item_id != old for one, old in zip(top.recommendations, before, strict=True))
            console.print(
                f"  like {film.title:<36.36} state {version}  stored {stored_ms:4.1f} ms  "
                f"new answer {changed_ms:4.1f} ms: {moved:2} moved, {len(entered)} new"
            )
    return top


def show(bundle: recstream.Bundle, target: str) -> None:
    """Show one person's films before and after a run of events."""
    films = catalogue(bundle)
    user = somebody(bundle)
    user_id = bundle.user_ids[user]
    watched = history(bundle, films, user)
    show_history(user_id, watched)
    with recstream.Client(target) as client:
        client.wait_until_ready()
        old = client.recommend_items(user_id, page_size=10, include_attributes=True)
        console.rule("top 10")
        console.print(recommendation_table(old.recommendations))
        liked = run_of_one_genre(bundle, films, watched, old)
        console.rule(f"now user {user_id} likes {len(liked)} films of one genre: {GENRE}")
        new = like(client, user_id, liked, old)
    console.rule("new top 10")
    console.print(recommendation_table(new.recommendations, before=[one.item_id for one in old.recommendations]))


def suggest(bundle: recstream.Bundle, target: str) -> None:
    """Print commands to try, and wait for Ctrl-C."""
    user_id = bundle.user_ids[somebody(bundle)]
    console.rule("try, in another terminal")
    for command in (
        f"watch --user {user_id}",
        f"recommend --user {user_id}",
        f"event --user {user_id} --item 50 --type like",
        "similar --item 50",
        "recommend --user a-stranger",
        "--help",
    ):
        console.print(f"  .venv/bin/recstream {command}" + (f" --target {target}" if command != "--help" else ""))
    console.print("Ctrl-C stops the server.")
    try:
        while True:
            time.sleep(3600)
    except KeyboardInterrupt:
        console.print()


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", action="store_true", help="leave the server running and print commands to try")
    parser.add_argument("--folder", type=Path, default=Path("demo"), help="where the model and the state go")
    arguments = parser.parse_args()
    arguments.folder.mkdir(parents=True, exist_ok=True)
    model, state = arguments.folder / "bundle", arguments.folder / "state"
    train(model)
    with server(model, state, "127.0.0.1:50051" if arguments.serve else "127.0.0.1:0") as target:
        (suggest if arguments.serve else show)(recstream.load_bundle(model), target)


if __name__ == "__main__":
    main()
