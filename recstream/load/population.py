"""Whom and what requests are about: users and items, and how they are drawn."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from recstream.bundle import load_bundle
from recstream.bundle.ids import MAX_ID_BYTES, Ids, encode_ids
from recstream.errors import ConfigurationError

_BLOCK: Final = 4096


@dataclass(frozen=True, eq=False)
class Population:
    """Users to ask for, and items for events; either may be empty when nothing needs it."""

    users: Ids
    items: Ids


def load_population(*, bundle: Path | None, user_file: Path | None, item_file: Path | None) -> Population:
    """Read ids from a bundle, or from files with one id a line, which win.

    Raises
    ------
    ConfigurationError
        There are fewer than two users, or a file holds what is no id.
    """
    model = load_bundle(bundle, verify=False) if bundle is not None else None
    users = read_ids(user_file) if user_file else model.user_ids if model else encode_ids("users", [])
    items = read_ids(item_file) if item_file else model.item_ids if model else encode_ids("items", [])
    if len(users) < 2:
        raise ConfigurationError(
            f"there are {len(users)} users to ask for; give --bundle or --user-file with two at least "
            "(a query that is repeated flatters the server's caches)"
        )
    return Population(users, items)


def read_ids(path: Path) -> Ids:
    """Ids from a text file, one a line; empty lines are skipped.

    Raises
    ------
    ConfigurationError
        The file cannot be read, or a line is too long for an id.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"cannot read ids from {str(path)!r}: {error}") from None
    for number, line in enumerate(lines, 1):
        if len(line.encode()) > MAX_ID_BYTES:
            raise ConfigurationError(
                f"{path}, line {number}: has {len(line.encode())} bytes; an id has at most {MAX_ID_BYTES}"
            )
    return encode_ids(str(path), [line for line in lines if line])


def draw(ids: Ids, zipf: float, *, seed: int, stream: int) -> Iterator[str]:
    """Ids without end.

    Parameters
    ----------
    ids : Ids
        To draw from, at least one.
    zipf : float
        The r-th most popular id is drawn in proportion to ``r ** -zipf``; 0 is uniform.
    seed : int
        Which ids are the popular ones.
    stream : int
        With `seed`, which draws: workers take different ones, and agree on who is popular.
    """
    for rows in draw_rows(len(ids), zipf, seed=seed, stream=stream):
        for row in rows:
            yield ids[row]


def draw_rows(count: int, zipf: float, *, seed: int, stream: int) -> Iterator[list[int]]:
    """Blocks of row numbers 0 .. count - 1, drawn as `draw` says."""
    random = np.random.default_rng([seed, stream])
    if zipf == 0:
        while True:
            yield random.integers(0, count, _BLOCK).tolist()
    by_rank = np.random.default_rng(seed).permutation(count)
    cumulated = np.cumsum(np.arange(1, count + 1, dtype=np.float64) ** -zipf)
    cumulated /= cumulated[-1]
    while True:
        yield by_rank[cumulated.searchsorted(random.random(_BLOCK), side="right")].tolist()
