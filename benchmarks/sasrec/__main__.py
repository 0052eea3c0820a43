"""An epoch of SASRec here and in RecTools: same histories, width, blocks, heads and length, one thread, in turns.

    make bench-sasrec

RecTools' pins do not agree with ours, hence its own environment. Everything else is each side's default, with the
softmax loss over the whole catalogue on both. RecTools reads the newest items of a history, ours all of it, in pieces,
so the seconds per million places stand beside those of an epoch.
"""

import argparse
import json
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np
import torch
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Catalogue, load_family

from benchmarks.als import RESULTS, busy_s, machine, positives, share_of_others

LIMIT = 1.0
"""Most that an epoch may take, as a multiple of theirs."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rectools-python", required=True, help="interpreter of an environment with rectools[torch]")
    parser.add_argument("--data", default="ml-1m")
    parser.add_argument("--rounds", type=int, default=3, help="turns that each side takes, one epoch each")
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--length", type=int, default=200)
    parser.add_argument("--precision", default="auto", help="of our products: auto, float32 or bfloat16")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    interactions, item_count = positives(arguments.data)
    settings = {"dimension": arguments.dimension, "max_length": arguments.length, "precision": arguments.precision}
    family = load_family("sasrec")
    chosen = family.settings.model_validate(settings)
    model = family.make(chosen, interactions, Catalogue(item_count), 1, "cpu")
    before, ours, theirs = busy_s(), [], []
    for _ in range(arguments.rounds):
        started = time.process_time()
        model.run_epoch()
        ours.append(time.process_time() - started)
        theirs.append(rectools_s(arguments, interactions, chosen.blocks, chosen.heads))
        print(f"{ours[-1]:.1f} s, RecTools {theirs[-1]:.1f} s", flush=True)
    counts = interactions.counts
    result = {
        "command": "python -m benchmarks.sasrec",
        **vars(arguments),
        "ours_s": round(median(ours), 1),
        "rectools_s": round(median(theirs), 1),
        "ratio": round(median(ours) / median(theirs), 3),
        "ours_s_per_million_places": round(median(ours) * 1e6 / int((counts - 1).sum()), 1),
        "rectools_s_per_million_places": round(
            median(theirs) * 1e6 / int(np.minimum(counts - 1, arguments.length).sum()), 1
        ),
        "cpu_share_of_others": round(share_of_others(before, busy_s()), 3),
        "machine": machine(1),
    }
    del result["rectools_python"]
    path = RESULTS.with_name("sasrec.json")
    path.write_text(json.dumps(result, indent=2) + "\n")
    print("{ours_s} s of processor time an epoch, RecTools {rectools_s} s, {ratio:.2f}".format(**result))
    print(
        "a million places: {ours_s_per_million_places} s, RecTools {rectools_s_per_million_places} s".format(**result)
    )
    print(f"limit {LIMIT}; {path}")


def rectools_s(arguments: argparse.Namespace, interactions: Interactions, blocks: int, heads: int) -> float:
    """Processor time of an epoch of theirs."""
    counts = interactions.counts
    users = np.repeat(np.arange(interactions.user_count), counts)
    places = np.arange(len(interactions)) - np.repeat(interactions.indptr[:-1], counts)
    with tempfile.TemporaryDirectory() as folder:
        sequences = Path(folder) / "sequences.npy"
        np.save(sequences, np.stack([users, interactions.items, places]).astype(np.int64))
        numbers = (1, arguments.dimension, blocks, heads, arguments.length)
        script = Path(__file__).with_name("rectools_epochs.py")
        command = [arguments.rectools_python, str(script), str(sequences), *map(str, numbers)]
        output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    (seconds,) = json.loads(output.splitlines()[-1])
    return float(seconds)


if __name__ == "__main__":
    main()
