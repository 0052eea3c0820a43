"""Draws against NumPy's own."""

from itertools import islice
from pathlib import Path

import numpy as np
import pytest

from recstream.bundle.ids import encode_ids
from recstream.errors import ConfigurationError
from recstream.load.population import draw, draw_rows, load_population, read_ids


def rows_of(count: int, zipf: float, number: int, *, seed: int = 7, stream: int = 0) -> list[int]:
    blocks = draw_rows(count, zipf, seed=seed, stream=stream)
    return [row for block in islice(blocks, -(-number // 4096)) for row in block][:number]


@pytest.mark.parametrize("zipf", [0.6, 1.0, 1.1, 2.0])
def test_zipf_draws_are_those_of_numpy(zipf: float) -> None:
    weights = np.arange(1, 51) ** -zipf
    by_rank = np.random.default_rng(7).permutation(50)
    expected = by_rank[np.random.default_rng([7, 3]).choice(50, 4096, p=weights / weights.sum())]
    assert rows_of(50, zipf, 4096, stream=3) == expected.tolist()


def test_uniform_draws_favour_nobody() -> None:
    counts = np.bincount(rows_of(20, 0.0, 40_000), minlength=20)
    # Chi squared with 19 degrees of freedom is above 43.8 once in a thousand seeds.
    assert ((counts - 2000) ** 2 / 2000).sum() < 43.8


def test_workers_draw_differently_but_agree_on_who_is_popular() -> None:
    first, second = (rows_of(100, 1.2, 8000, stream=stream) for stream in (0, 1))
    assert first != second
    popular = [np.bincount(rows, minlength=100).argmax() for rows in (first, second)]
    assert popular[0] == popular[1]
    assert rows_of(100, 1.2, 8000, stream=0) == first


def test_ids_are_drawn_by_row() -> None:
    ids = encode_ids("users", ["a", "bé", "c"])
    assert set(islice(draw(ids, 0.0, seed=0, stream=0), 200)) == {"a", "bé", "c"}


def test_files_hold_an_id_a_line(tmp_path: Path) -> None:
    path = tmp_path / "users.txt"
    path.write_text("u1\n\nü2\n", encoding="utf-8")
    assert read_ids(path).to_list() == ["u1", "ü2"]
    population = load_population(bundle=None, user_file=path, item_file=None)
    assert (len(population.users), len(population.items)) == (2, 0)


def test_what_cannot_be_drawn_from_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "users.txt"
    path.write_text("only one\n")
    with pytest.raises(ConfigurationError, match=r"there are 1 users.*caches"):
        load_population(bundle=None, user_file=path, item_file=None)
    with pytest.raises(ConfigurationError, match="--bundle or --user-file"):
        load_population(bundle=None, user_file=None, item_file=None)
    path.write_text("fine\n" + "x" * 129)
    with pytest.raises(ConfigurationError, match="line 2: has 129 bytes"):
        read_ids(path)
    with pytest.raises(ConfigurationError, match="cannot read ids"):
        read_ids(tmp_path / "absent")
