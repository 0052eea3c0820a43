"""One user's new vector here and in `implicit` 0.7.3: same item vectors, same history, one thread, taken in turns.

    pip install 'recstream[trainer,bench]'
    python benchmarks/fold_in.py

`implicit` folds in with `AlternatingLeastSquares.recalculate_user`, Cholesky in float32 by LAPACK. Ours is
`UserEncoder.als_fold_in`, Cholesky in float64, the same bits at every instruction-set level. Both solve the same
system, as the largest difference between their vectors shows. `decayed_pooling` has no peer and stands beside them.
Calls come from Python, whose share is in every figure.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from statistics import median
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # what implicit asks for: its own threads call BLAS

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from benchmarks.topk.machine import describe, load
from recstream._core import UserEncoder

RESULTS = Path(__file__).parent / "results" / "fold_in.json"
REGULARIZATION = 0.01
"""What implicit adds to the diagonal; and its confidence of what was not observed is 1."""
WEIGHT = 4.0
"""Ours of an item, on top of that of the unobserved; implicit's is the sum, on the right side too, so its vectors are
(WEIGHT + 1) / WEIGHT times ours."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=27_000)
    parser.add_argument("--factors", type=int, nargs="+", default=[64, 128])
    parser.add_argument("--history", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--rounds", type=int, default=60, help="turns that each side takes")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    document = {"command": "python -m benchmarks.fold_in", **vars(arguments), "machine": describe(), "load": load()}
    results = [compare(factors, history, arguments) for factors in arguments.factors for history in arguments.history]
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(document | {"results": results, "load_after": load()}, indent=2) + "\n")
    print(table(results))


def compare(factors: int, history: int, arguments: argparse.Namespace) -> dict[str, Any]:
    """Median microseconds of a call, wall and processor time, of each contender."""
    random = np.random.default_rng(arguments.seed)
    items = (random.standard_normal((arguments.items, factors)) * 0.1).astype(np.float32)
    users = [user_of(random, arguments.items, history) for _ in range(8)]
    contenders = contenders_of(items, users)
    turns: dict[str, list[tuple[float, float]]] = {name: [] for name in contenders}
    for _ in range(arguments.rounds):
        for name in random.permutation(list(contenders)):
            turns[name].append(timed(contenders[name], users))
    times = {
        name: {
            "us": round(1e6 * median(wall for wall, _ in taken), 2),
            "processor_us": round(1e6 * median(processor for _, processor in taken), 2),
        }
        for name, taken in turns.items()
    }
    ours, theirs = (vectors_of(contenders[name], users) for name in ("recstream", "implicit"))
    return {
        "factors": factors,
        "history": history,
        "times": times,
        "times_faster": round(times["implicit"]["us"] / times["recstream"]["us"], 2),
        "times_faster_by_processor": round(times["implicit"]["processor_us"] / times["recstream"]["processor_us"], 2),
        "largest_difference": float(np.abs(ours - theirs * WEIGHT / (WEIGHT + 1)).max() / np.abs(ours).max()),
    }


User = tuple[NDArray[np.int64], NDArray[np.float32], csr_matrix]
Fold = Callable[[User], NDArray[np.float32] | None]


def user_of(random: np.random.Generator, items: int, history: int) -> User:
    """Items with their confidences, and the same as the sparse row that implicit wants."""
    rows = np.sort(random.choice(items, history, replace=False)).astype(np.int64)
    weights = np.full(history, WEIGHT, np.float32)
    return rows, weights, csr_matrix((weights + 1, rows.astype(np.int32), np.array([0, history])), shape=(1, items))


def contenders_of(items: NDArray[np.float32], users: list[User]) -> dict[str, Fold]:
    model = AlternatingLeastSquares(factors=items.shape[1], regularization=REGULARIZATION, alpha=1.0, num_threads=1)
    model.item_factors = items
    model.recalculate_user(0, users[0][2])  # makes V'V, which it keeps
    als = UserEncoder.als_fold_in(
        items, unobserved_weight=1.0, regularization=REGULARIZATION, regularization_exponent=0.0
    )
    pooling = UserEncoder.decayed_pooling(items, half_life_events=20.0)
    return {
        "recstream": lambda user: als.encode(user[0], user[1]),
        "implicit": lambda user: model.recalculate_user(0, user[2]),
        "pooling": lambda user: pooling.encode(user[0], user[1]),
    }


def timed(fold: Fold, users: list[User]) -> tuple[float, float]:
    """Seconds of a call, wall and processor, on average over the users; the first call warms up."""
    fold(users[-1])
    processor, started = time.process_time(), time.perf_counter()
    for user in users:
        fold(user)
    return (time.perf_counter() - started) / len(users), (time.process_time() - processor) / len(users)


def vectors_of(fold: Fold, users: list[User]) -> NDArray[np.float64]:
    return np.array([fold(user) for user in users], np.float64)


def table(results: Iterable[dict[str, Any]]) -> str:
    """As it stands in docs/performance.md."""
    lines = [
        "| d | history | recstream us | by cpu | implicit us | by cpu | ratio | by cpu | pooling us | difference |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for result in results:
        ours, theirs, pooling = (result["times"][name] for name in ("recstream", "implicit", "pooling"))
        cells = [
            result["factors"],
            result["history"],
            *(f"{time[clock]:.0f}" for time in (ours, theirs) for clock in ("us", "processor_us")),
            f"{result['times_faster']:.2f}",
            f"{result['times_faster_by_processor']:.2f}",
            f"{pooling['us']:.0f}",
            f"{result['largest_difference']:.0e}",
        ]
        lines.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
