"""Finding the columns of a file by their names."""

import pytest
from recstream_trainer.datasets import ColumnMapping

from recstream.errors import DataError


@pytest.mark.parametrize(
    ("found", "roles"),
    [
        (["user_id", "item_id"], {"user": "user_id", "item": "item_id"}),
        (["userId", "movieId", "rating", "timestamp"], {"user": "userId", "item": "movieId"}),
        (["user_id:token", "item_id:token", "rating:float"], {"user": "user_id:token", "rating": "rating:float"}),
        (["Customer ID", "SKU", "Event-Time", "Action"], {"item": "SKU", "timestamp": "Event-Time", "type": "Action"}),
        (["uid", "product_id", "plays"], {"weight": "plays"}),
        (["item", "sku", "user"], {"item": "item"}),
    ],
)
def test_finds_usual_names(found: list[str], roles: dict[str, str]) -> None:
    resolved = ColumnMapping().resolve(found, "ratings.csv")
    assert roles.items() <= resolved.items()


def test_prefers_the_names_given() -> None:
    mapping = ColumnMapping.parse("user=buyer, item=sku,rating=stars")
    assert mapping.resolve(["user", "buyer", "sku", "stars", "note"], "x.csv") == {
        "user": "buyer",
        "item": "sku",
        "rating": "stars",
    }


def test_lists_the_columns_when_one_is_not_found() -> None:
    with pytest.raises(
        DataError, match=r"x\.csv: no column looks like the item; the columns are: user, thing, when; name them"
    ):
        ColumnMapping().resolve(["user", "thing", "when"], "x.csv")


def test_suggests_the_nearest_name() -> None:
    with pytest.raises(DataError, match=r"no column 'movi_id' for the item \(is it 'movie_id'\?\); the columns are: "):
        ColumnMapping(item="movi_id").resolve(["user", "movie_id"], "x.csv")


def test_tells_a_missing_header() -> None:
    with pytest.raises(DataError, match="the first line looks like data"):
        ColumnMapping().resolve(["196", "242", "3", "881250949"], "u.data")


def test_refuses_two_roles_for_a_column() -> None:
    with pytest.raises(DataError, match="column 'id' is given two roles"):
        ColumnMapping(user="id", item="id").resolve(["id"], "x.csv")


@pytest.mark.parametrize("text", ["user", "user=", "buyer=x", "user=a,user=b", "=x", ""])
def test_refuses_a_mapping_of_another_form(text: str) -> None:
    with pytest.raises(DataError, match="ROLE=COLUMN"):
        ColumnMapping.parse(text)
