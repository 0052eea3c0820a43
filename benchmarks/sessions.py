"""Queries after each event of real sessions, with the lists kept of users and without: the same answers, in less time.

    recstream train --model als --data ml-1m --out build/ml-1m.bundle
    python -m benchmarks.sessions --bundle build/ml-1m.bundle

Users of ml-1m, new to the model, send the first half of their ratings, then a query after each of the others. Two
engines take turns; the vector is made before the clock starts. Catalogues beyond that of the bundle are filled up with
noisy, shorter copies of its items, which crowd the top of a ranking more than other items would. Every answer is
compared.
"""

import argparse
import json
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


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bundle", type=Path, default=Path("build/ml-1m.bundle"))
    parser.add_argument("--items", type=int, nargs="+", default=[3706, 100_000, 1_000_000])
    parser.add_argument("--users", type=int, nargs="+", default=[100, 30, 8], help="for each number of items")
    parser.add_argument("--k", type=int, nargs="+", default=[10, 20, 100])
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    bundle = load_bundle(arguments.bundle)
    document = {"command": "python -m benchmarks.sessions", "machine": describe(), "load": load()}
    results = []
    for count, users in zip(arguments.items, arguments.users, strict=True):
        random = np.random.default_rng(arguments.seed)
        items = catalogue_of(np.asarray(bundle.item_vectors), count, random)
        sessions = sessions_of(users, random)
        for k in arguments.k:
            results.append({"items": count, "k": k} | compare(items, sessions, k))
            print(results[-1], flush=True)
    options = {key: str(value) if isinstance(value, Path) else value for key, value in vars(arguments).items()}
    RESULTS.write_text(json.dumps(document | options | {"results": results, "load_after": load()}, indent=2) + "\n")


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
