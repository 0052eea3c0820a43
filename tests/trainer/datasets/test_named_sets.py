"""The named sets, as anybody gets them through pip: their published sizes, titles and genres."""

from pathlib import Path

import polars as pl
import pytest
from recstream_trainer.datasets import NAMED_SETS, Dataset, load_dataset, named_set

from recstream.errors import DataError


@pytest.mark.parametrize(
    ("fixture", "sizes", "span"),
    [
        ("ml_100k", (943, 1682, 100_000), (874724710, 893286638)),
        ("ml_1m", (6040, 3706, 1_000_209), (956703932, 1046454590)),
    ],
)
def test_movielens_has_its_published_size(
    request: pytest.FixtureRequest, fixture: str, sizes: tuple[int, int, int], span: tuple[int, int]
) -> None:
    dataset: Dataset = request.getfixturevalue(fixture)
    times = dataset.interactions["timestamp"]
    assert (dataset.user_count, dataset.item_count, dataset.interactions.height) == sizes
    assert dataset.cleaning.rows_read == sizes[2]
    assert (times.min(), times.max()) == span
    assert set(dataset.interactions["rating"].unique()) == {1, 2, 3, 4, 5}
    assert dataset.items["title"].null_count() == 0
    assert dataset.items["genres"].list.len().min() == 1


def test_films_have_titles_genres_and_years(ml_100k: Dataset, ml_1m: Dataset) -> None:
    story = ml_100k.items.row(ml_100k.item_ids.index("1"), named=True)
    assert story == {"title": "Toy Story", "genres": ["Animation", "Children's", "Comedy"], "year": 1995}
    other = ml_1m.items.row(ml_1m.item_ids.index("Misérables, Les (1995)"), named=True)
    assert other == {"title": "Misérables, Les", "genres": ["Drama", "Musical"], "year": 1995}
    assert ml_1m.user_ids[:3] == ["1", "2", "3"]
    assert ml_1m.items["genres"].explode().n_unique() == 18


@pytest.mark.full
def test_complete_journey_has_its_published_size() -> None:
    dataset = load_dataset("completejourney")
    assert (dataset.user_count, dataset.item_count, dataset.cleaning.rows_read) == (2469, 68_509, 1_469_307)
    assert dataset.interactions["weight"].sum() == 1_469_307 - 14  # the same product twice in the same second
    assert {"department", "brand", "category"} <= set(dataset.items.columns)
    assert dataset.items.filter(pl.col("department") == "GROCERY").height > 20_000


def test_without_the_cache_and_the_network_the_remedy_is_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"ml-1m: is not in .*; run recstream data fetch ml-1m"):
        load_dataset("ml-1m", cache_dir=tmp_path, download=False)


@pytest.mark.parametrize("name", sorted(NAMED_SETS))
def test_official_addresses_are_safe(name: str) -> None:
    source = named_set(name).official.source
    addresses = [source.url] if hasattr(source, "url") else list(source.checksums)  # type: ignore[attr-defined]
    assert all(address.startswith("https://") for address in addresses)


def test_an_unknown_name_lists_the_known(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="'ml-10m' is not one of the named sets ml-100k, ml-1m, completejourney"):
        named_set("ml-10m")
    with pytest.raises(DataError, match="is neither a file nor one of the named sets ml-100k, ml-1m"):
        load_dataset(str(tmp_path / "ml-10m"))


def test_a_named_set_takes_no_mapping() -> None:
    with pytest.raises(DataError, match="has its own columns and items"):
        load_dataset("ml-100k", items=Path("items.csv"))


def test_a_file_loads_with_its_attributes(tmp_path: Path) -> None:
    (tmp_path / "shop.2024.csv").write_text("uid,sku,stars\nu,a,5\nv,b,3\n")
    (tmp_path / "items.csv").write_text("sku,title,tags\nb,Beta,x|y\na,Alpha,x\n")
    dataset = load_dataset(str(tmp_path / "shop.2024.csv"), items=tmp_path / "items.csv")
    assert dataset.name == "shop"
    assert dataset.items.rows() == [("Alpha", ["x"]), ("Beta", ["x", "y"])]
    assert dataset.interactions["rating"].to_list() == [5.0, 3.0]
