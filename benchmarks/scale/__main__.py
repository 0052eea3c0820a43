"""Memory, start and answers of the server by the number of items, of users with live events, and of events in the log.

Each size is a server of its own in a process of its own: how long `recstream serve` takes until it is ready, what it
holds then, and the times of queries that are sent at a fixed rate, a quarter of what it reaches. The law is the slope
of the logarithms between sizes: 1 is proportional, 0 is constant.

Examples:
  python -m benchmarks.scale --quick        smaller sizes, about ten minutes, 4 GB of memory
  python -m benchmarks.scale                to 5 million items and users and 10 million events: an hour, 16 GB
  python -m benchmarks.scale --parts items --items 10000 100000
  python -m benchmarks.scale --replay --publish
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.scale.cases import by_events, by_items, by_users
from benchmarks.scale.report import publish, tables
from benchmarks.serving.programs import load_program
from benchmarks.topk import machine

RESULTS = Path(__file__).parents[1] / "results" / "scale.json"
PAGE = Path(__file__).parents[2] / "docs" / "scale.md"
SIZES = {
    "items": [10_000, 100_000, 1_000_000, 5_000_000],
    "users": [10_000, 100_000, 1_000_000, 5_000_000],
    "events": [100_000, 1_000_000, 10_000_000],
}
QUICK_SIZES = {
    "items": [10_000, 100_000, 1_000_000],
    "users": [10_000, 100_000, 500_000],
    "events": [10_000, 100_000, 1_000_000],
}
PARTS: dict[str, Callable[[int], dict[str, Any]]] = {"items": by_items, "users": by_users, "events": by_events}


def main() -> None:
    arguments = parse()
    document = json.loads(arguments.json.read_text()) if arguments.replay else run(arguments)
    print(f"\n{tables(document)}")
    if arguments.publish:
        publish(document, PAGE)


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scale", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="smaller sizes")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    for part in PARTS:
        parser.add_argument(f"--{part}", nargs="+", type=int, help="sizes")
    parser.add_argument("--json", type=Path, default=RESULTS)
    parser.add_argument("--append", action="store_true", help="keep what the JSON has and this run does not repeat")
    parser.add_argument("--replay", action="store_true", help="measure nothing, show what the JSON holds")
    parser.add_argument("--publish", action="store_true", help="write docs/scale.md")
    return parser.parse_args()


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure size by size; what is there is written after each."""
    load_program()
    command = " ".join(["python -m benchmarks.scale", *sys.argv[1:]])
    document: dict[str, Any] = {"commands": [command], "machine": machine.describe(), "sizes": []}
    if arguments.append and arguments.json.exists():
        earlier = json.loads(arguments.json.read_text())
        document |= {"commands": [*earlier["commands"], command], "sizes": earlier["sizes"]}
    for record in measured(arguments):
        same = [(one["part"], one["size"]) == (record["part"], record["size"]) for one in document["sizes"]]
        document["sizes"] = [one for one, repeated in zip(document["sizes"], same, strict=True) if not repeated]
        document["sizes"].append(record)
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")
    return document


def measured(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    for part in arguments.parts:
        for size in getattr(arguments, part) or (QUICK_SIZES if arguments.quick else SIZES)[part]:
            try:
                record = PARTS[part](size)
            except Exception as error:  # noqa: BLE001 - the other sizes go on
                print(f"{size:,} {part} left out: {error}", flush=True)
                continue
            record |= {"part": part, "size": size, "load": machine.load()}
            print(
                {key: round(value, 3) if isinstance(value, float) else value for key, value in record.items()},
                flush=True,
            )
            yield record


if __name__ == "__main__":
    main()
