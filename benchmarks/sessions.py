"""Queries after each event of real sessions, with the lists kept of users and without: the same answers, in less time.

    recstream train --model als --data ml-1m --out build/ml-1m.bundle
    python -m benchmarks.sessions --bundle build/ml-1m.bundle              about three minutes
    python -m benchmarks.sessions --bundle build/ml-1m.bundle --publish    and write its table into docs/performance.md

Users of ml-1m, new to the model, send the first half of their ratings, then a query after each of the others. Two
engines take turns; the vector is made before the clock starts. Catalogues beyond that of the bundle are filled up with
noisy, shorter copies of its items, which crowd the top of a ranking more than other items would. Every answer is
compared.
"""

import argparse
import json
import sys
import time
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from recstream_trainer.datasets import load_dataset

from benchmarks.topk.machine import describe, load
from recstream import load_bundle
from recstream._core import Engine, IdTable, UserEncoder

RESULTS = Path(__file__).parent / "results" / "sessions.json"
PAGE = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- begin: written by benchmarks.sessions -->", "<!-- end -->"
HEADER = ["items", "k", "queries", "certified", "kept, mean", "scanned, mean", "kept, median", "scanned, median"]


def main() -> None:
    arguments = parse()
    bundle = load_bundle(arguments.bundle)
    results: list[dict[str, Any]] = []
    document: dict[str, Any] = {
        "command": " ".join(["python -m benchmarks.sessions", *sys.argv[1:]]),
        "machine": describe(),
    }
    document |= {"load": load(), "seed": arguments.seed, "results": results}
    for place, count in enumerate(arguments.items):
        random = np.random.default_rng(arguments.seed)
        items = catalogue_of(np.asarray(bundle.item_vectors), count, random)
        users = arguments.users[place] if arguments.users else users_for(count)
        sessions = sessions_of(users, random)
        for k in arguments.k:
            results.append({"items": count, "users": users, "k": k} | compare(items, sessions, k))
            print(json.dumps(results[-1]), flush=True)
    document["load_after"] = load()
    arguments.json.write_text(json.dumps(document, indent=2) + "\n")
    section = f"{BEGIN}\n{section_of(document)}\n{END}"
    print(section)
    if arguments.publish:
        publish(section)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path("build/ml-1m.bundle"))
    parser.add_argument("--items", type=int, nargs="+", default=[3706, 100_000, 200_000, 300_000, 1_000_000])
    parser.add_argument("--users", type=int, nargs="+", help="one for each of --items (200, 100, 60)")
    parser.add_argument("--k", type=int, nargs="+", default=[10, 20, 100])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--publish", action="store_true", help="write the table into docs/performance.md")
    arguments = parser.parse_args()
    if arguments.users and len(arguments.users) != len(arguments.items):
        parser.error(f"--users has {len(arguments.users)} numbers, --items {len(arguments.items)}; give one for each")
    return arguments


def users_for(items: int) -> int:
    """So many that a size takes half a minute at most."""
    return 200 if items < 50_000 else 100 if items < 500_000 else 60


def section_of(document: dict[str, Any]) -> str:
    """A line on how it was measured, and the table: microseconds of processor time for a query."""
    rows = [HEADER, ["---"] * len(HEADER), *(cells(result) for result in document["results"])]
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    queries = sum(result["queries"] for result in document["results"])
    certified = sum(result["queries"] * result["certified"] for result in document["results"]) / queries
    return (
        f"`{document['command']}` on {document['machine']['cpu']}, load {document['load']} before and "
        f"{document['load_after']} after: {certified:.0%} of {queries:,} queries certified.\n\n{table}"
    )


def cells(result: dict[str, Any]) -> list[str]:
    counts = [f"{result['items']:,}", str(result["k"]), f"{result['queries']:,}", f"{result['certified']:.0%}"]
    return counts + [f"{result[f'{name}_{kind}_us']:.1f}" for kind in ("mean", "median") for name in ("kept", "plain")]


def publish(section: str) -> None:
    """Replace what is between the markers of the page."""
    before, begin, rest = PAGE.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{PAGE} has no lines {BEGIN!r} and {END!r} to write between")
    PAGE.write_text(before + section + after)


def catalogue_of(vectors: NDArray[np.float32], count: int, random: np.random.Generator) -> NDArray[np.float32]:
    originals = random.integers(0, len(vectors), max(0, count - len(vectors)))
    copies = vectors[originals] * random.uniform(0.5, 1, (len(originals), 1)).astype(np.float32)
    norms = np.linalg.norm(vectors[originals], axis=1, keepdims=True) / np.linalg.norm(vectors, axis=1).mean()
    noise = random.standard_normal(copies.shape, np.float32) * vectors.std(0) * np.float32(0.5) * norms
    return np.concatenate([vectors, copies + noise])[:count].astype(np.float32)


Session = list[tuple[str, float]]


def sessions_of(users: int, random: np.random.Generator) -> list[Session]:
    """Items and weights, as the server would take ratings, in the order of time."""
    rows = load_dataset("ml-1m").interactions.sort(["user", "timestamp"])
    chosen = random.choice(rows["user"].n_unique(), users, replace=False)
    everybody, items, ratings = (rows[name].to_numpy() for name in ("user", "item", "rating"))
    return [
        [(f"i{item}", 1.0 if rating >= 3 else -1.0) for item, rating in zip(items[mine], ratings[mine], strict=True)]
        for mine in (everybody == user for user in chosen)
    ]


def compare(items: NDArray[np.float32], sessions: list[Session], k: int) -> dict[str, Any]:
    """Microseconds of processor time for a query, and how many the lists answered."""
    encoder = UserEncoder.als_fold_in(
        items, unobserved_weight=350 / len(items), regularization=0.006, regularization_exponent=1.0
    )
    engines = {"kept": engine_of(items, encoder, 1 << 26), "plain": engine_of(items, encoder, 0)}
    times: dict[str, list[float]] = {name: [] for name in engines}
    version = 0
    for user, session in enumerate(sessions):
        for number, (item, weight) in enumerate(session):
            version += 1
            answers = []
            for name in sorted(engines, reverse=bool(number % 2)):
                engines[name].apply([(version, f"new{user}", "", item, weight, True)])
                if number < len(session) // 2:
                    continue
                engines[name].user_vector(user_id=f"new{user}")
                started = time.process_time()
                answer = engines[name].recommend(user_id=f"new{user}", k=k)
                times[name].append(1e6 * (time.process_time() - started))
                answers.append((answer.rows, answer.scores))
            if answers and answers[0] != answers[1]:
                raise AssertionError(f"answers differ at event {version}")
    stats = engines["kept"].stats()
    return {
        "queries": len(times["kept"]),
        "certified": round(stats["list_answers"] / stats["list_queries"], 3),
        "bytes_a_user": round(stats["list_bytes"] / len(sessions)),
    } | {
        f"{name}_{kind.__name__}_us": round(kind(taken), 1) for name, taken in times.items() for kind in (mean, median)
    }


def engine_of(items: NDArray[np.float32], encoder: UserEncoder, kept_list_bytes: int) -> Engine:
    return Engine(
        item_ids=ids_of([f"i{row}" for row in range(len(items))]),
        item_vectors=items,
        item_popularity=np.zeros(len(items), np.float32),
        user_ids=ids_of([]),
        user_vectors=np.zeros((0, items.shape[1]), np.float32),
        history=(np.zeros(1, np.int64), np.zeros(0, np.int32), np.zeros(0, np.float32)),
        encoder=encoder,
        kept_list_bytes=kept_list_bytes,
        kept_list_min_items=0,
        threads=1,
    )


def ids_of(texts: list[str]) -> IdTable:
    offsets = np.cumsum([0, *(len(text) for text in texts)]).astype(np.int64)
    return IdTable(np.frombuffer("".join(texts).encode(), np.uint8), offsets)


if __name__ == "__main__":
    main()
