"""An epoch of BPR here and in `implicit` 0.7.3: same matrix, same factors, one thread each, taken in turns.

    pip install 'recstream[trainer,bench]'
    python -m benchmarks.bpr

An epoch is as many random steps as there are positives, each with a negative that the user does not have
(`verify_negative_samples`, their default). Ours runs on one thread, so theirs gets one.
"""

import argparse
import json
import os
import time
from statistics import median

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from implicit.cpu.bpr import BayesianPersonalizedRanking
from recstream_trainer.models import Catalogue, load_family
from scipy.sparse import csr_matrix

from benchmarks.als import RESULTS, busy_s, machine, positives, share_of_others

LIMIT = 1.0
"""Most that an epoch may take, as a multiple of theirs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="ml-1m")
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=5, help="turns that each side takes")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of a turn")
    arguments = parser.parse_args()
    interactions, item_count = positives(arguments.data)
    family = load_family("bpr")
    model = family.make(
        family.settings.model_validate({"dimension": arguments.factors}), interactions, Catalogue(item_count), 1, "cpu"
    )
    matrix = csr_matrix(
        (np.ones(len(interactions), np.float32), interactions.items, interactions.indptr),
        shape=(interactions.user_count, item_count),
    )
    before, ours, theirs = busy_s(), [], []
    for _ in range(arguments.rounds):
        for _ in range(arguments.epochs):
            started = time.process_time()
            model.run_epoch()
            ours.append(time.process_time() - started)
        # Set-up, which sorts the matrix, is in their first epoch only: the slope between two lengths leaves it out.
        short, long = (implicit_s(matrix, arguments.factors, epochs) for epochs in (1, 1 + arguments.epochs))
        theirs.append((long - short) / arguments.epochs)
    result = {
        "command": "python -m benchmarks.bpr",
        **vars(arguments),
        "ours_ms": round(1e3 * median(ours), 1),
        "implicit_ms": round(1e3 * median(theirs), 1),
        "ratio": round(median(ours) / median(theirs), 3),
        "cpu_share_of_others": round(share_of_others(before, busy_s()), 3),
        "machine": machine(1),
    }
    path = RESULTS.with_name("bpr.json")
    path.write_text(json.dumps(result, indent=2) + "\n")
    print("{ours_ms} ms of processor time an epoch, implicit {implicit_ms} ms, {ratio:.2f}".format(**result))
    print(f"limit {LIMIT}; others had {result['cpu_share_of_others']:.0%} of the cores meanwhile; {path}")


def implicit_s(matrix: csr_matrix, factors: int, epochs: int) -> float:
    """Processor time of a fit."""
    # Their vectors include the bias, as the last number of `factors` + 1.
    model = BayesianPersonalizedRanking(factors=factors, iterations=epochs, num_threads=1, random_state=1)
    started = time.process_time()
    model.fit(matrix, show_progress=False)
    return time.process_time() - started


if __name__ == "__main__":
    main()
