"""What it costs to encode a user: a transformer and a GRU of usual size in ONNX Runtime, by batch and history length.

Run on a quiet machine::

    python -m benchmarks.encoders --json benchmarks/results/encoders.json

Times are of whole runs with their padding, as the server makes them, on one thread; the best of the rounds by
processor time, for others may use the machine as well. The first table is what a user costs, the second how far the
vector of the same history moves with the batch that it is in and the padding before it.
"""

import argparse
import io
import json
import logging
import time
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray
from torch import nn

from recstream.bundle import OnnxEncoder
from recstream.bundle.onnx_runner import History, OnnxRunner

ITEMS, DIMENSION, BLOCKS, HEADS = 3706, 64, 2, 2
LENGTHS = (50, 200)
BATCHES = (1, 8, 32)


class Transformer(nn.Module):
    """Two causal blocks with positions that count from the latest item, as in SASRec."""

    def __init__(self) -> None:
        super().__init__()
        self.items = nn.Embedding(ITEMS + 1, DIMENSION, padding_idx=ITEMS)
        self.positions = nn.Parameter(torch.randn(max(LENGTHS), DIMENSION) * 0.1)
        self.blocks = nn.ModuleList(Block() for _ in range(BLOCKS))
        self.norm = nn.LayerNorm(DIMENSION)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        length = rows.shape[1]
        places = torch.arange(length, device=rows.device)
        hidden = self.items(rows) + self.positions[(length - 1 - places)]
        visible = (places[None, :] <= places[:, None])[None, None] & (rows != ITEMS)[:, None, None, :]
        mask = torch.where(visible, 0.0, -1e9)
        for block in self.blocks:
            hidden = block(hidden, mask)
        return self.norm(hidden[:, -1])


class Block(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(DIMENSION), nn.LayerNorm(DIMENSION)])
        self.mix = nn.Linear(DIMENSION, 3 * DIMENSION)
        self.out = nn.Linear(DIMENSION, DIMENSION)
        self.feed = nn.Sequential(nn.Linear(DIMENSION, 4 * DIMENSION), nn.GELU(), nn.Linear(4 * DIMENSION, DIMENSION))

    def forward(self, hidden: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        users, length = hidden.shape[:2]
        heads = self.mix(self.norms[0](hidden)).view(users, length, 3, HEADS, DIMENSION // HEADS)
        query, key, value = heads.permute(2, 0, 3, 1, 4).unbind(0)
        scores = query @ key.transpose(-1, -2) / (DIMENSION // HEADS) ** 0.5 + mask
        mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(users, length, DIMENSION)
        hidden = hidden + self.out(mixed)
        return hidden + self.feed(self.norms[1](hidden))


class Gru(nn.Module):
    """One layer, as in GRU4Rec; the padding is turned to the end so that no state runs through it."""

    def __init__(self) -> None:
        super().__init__()
        self.items = nn.Embedding(ITEMS + 1, DIMENSION, padding_idx=ITEMS)
        self.gru = nn.GRU(DIMENSION, DIMENSION, batch_first=True)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        length = rows.shape[1]
        counts = (rows != ITEMS).sum(1, keepdim=True)
        places = torch.arange(length)[None] + length - counts
        turned = rows.gather(1, torch.where(places >= length, places - length, places))
        states = self.gru(self.items(turned))[0]
        return states.gather(1, (counts - 1)[:, :, None].expand(-1, 1, DIMENSION))[:, 0]


def exported(module: nn.Module) -> bytes:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    buffer = io.BytesIO()
    dynamic = {"rows": {0: torch.export.Dim("B"), 1: torch.export.Dim("L", max=max(LENGTHS))}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            module.eval(),
            (torch.randint(0, ITEMS, (2, 7)),),
            input_names=["rows"],
            output_names=["vector"],
            dynamic_shapes=dynamic,
            dynamo=True,
            verbose=False,
        )
    program.save(buffer)
    return buffer.getvalue()


def histories(count: int, length: int, seed: int = 0) -> list[History]:
    random = np.random.default_rng(seed)
    rows = [random.choice(ITEMS, length, replace=False).astype(np.int64) for _ in range(count)]
    return [History(row, np.ones(length, np.float32), np.zeros(length, np.int64)) for row in rows]


def timed(runner: OnnxRunner, users: list[History], rounds: int) -> tuple[float, float]:
    """Seconds on the clock and of the processor for one run, best of the rounds."""
    best = (np.inf, np.inf)
    for _ in range(rounds):
        repeats, start, cpu = 0, time.perf_counter(), time.process_time()
        while repeats < 3 or time.perf_counter() - start < 0.2:
            runner.encode(users)
            repeats += 1
        spent = (time.perf_counter() - start) / repeats, (time.process_time() - cpu) / repeats
        best = min(best, spent, key=lambda pair: pair[1])
    return best


def distance(vectors: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    return float((np.abs(vectors - others).max(1) / np.abs(others).max(1)).max())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    record: dict[str, object] = {"onnxruntime": onnxruntime.__version__, "threads": arguments.threads, "runs": []}
    print(f"| model | length | {' | '.join(f'batch {batch}: us a user (cpu)' for batch in BATCHES)} |")
    print(f"|---|---|{'---|' * len(BATCHES)}")
    moves = []
    for name, module in (("transformer", Transformer()), ("gru", Gru())):
        encoder = OnnxEncoder(max(LENGTHS), ("rows",))
        runner = OnnxRunner(exported(module), encoder, item_count=ITEMS, threads=arguments.threads)
        for length in LENGTHS:
            cells = []
            for batch in BATCHES:
                clock, cpu = (
                    1e6 * spent / batch for spent in timed(runner, histories(batch, length), arguments.rounds)
                )
                cells.append(f"{clock:,.0f} ({cpu:,.0f})")
                record["runs"].append(  # type: ignore[attr-defined]
                    {"model": name, "length": length, "batch": batch, "us_a_user": clock, "cpu_us_a_user": cpu}
                )
            print(f"| {name} | {length} | {' | '.join(cells)} |")
        users = histories(32, 40)
        alone = np.concatenate([runner.encode([user]) for user in users])
        batch, padded = distance(runner.encode(users), alone), distance(runner.encode(users, length=200), alone)
        pairs = np.concatenate([runner.encode(users[i : i + 2]) for i in range(0, 32, 2)])
        moves.append((name, batch, padded, distance(runner.encode(users), pairs)))
    print("\n| model | batch of 32 and of 1 | and padded from 40 to 200 | batch of 32 and of 2 |\n|---|---|---|---|")
    for name, *distances in moves:
        print(f"| {name} | {' | '.join(f'{value:.1e}' for value in distances)} |")
    record["relative_differences"] = moves
    if arguments.json:
        arguments.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
