import polars as pl
import pytest
from recstream_trainer.models import Catalogue
from recstream_trainer.models.item_text import item_tokens

from recstream.errors import DataError


def tokens(**columns: pl.Series | list[object]) -> list[list[str]]:
    attributes = pl.DataFrame(columns)
    return item_tokens(Catalogue(attributes.height, attributes), "tfidf")


def test_text_is_words_and_a_value_that_repeats_is_one_as_well() -> None:
    assert tokens(title=["The Sting II", "snake_case, Größe!", None, "A"]) == [
        ["the", "sting", "ii"],
        ["snake", "case", "größe"],
        [],
        ["a"],
    ]
    assert tokens(brand=["Old Mill", "Old Mill", None]) == [["old", "mill", "brand=old mill"]] * 2 + [[]]


def test_lists_and_booleans_are_their_values() -> None:
    found = tokens(genres=[["Drama", None, "Film-Noir"], None, []], fresh=[True, None, False])
    assert found == [["genres=drama", "genres=film-noir", "fresh=true"], [], ["fresh=false"]]


def test_numbers_are_the_tenth_that_they_lie_in() -> None:
    prices = [float(price) for price in range(100)]
    found = tokens(price=[*prices, None])
    assert found[-1] == []
    assert [words for (words,) in found[:-1]] == [f"price#{price // 10}" for price in range(100)]
    assert tokens(price=[5, 5, None], title=["a", "b", "c"]) == [["price#1", "a"], ["price#1", "b"], ["c"]]
    assert tokens(price=pl.Series([None, None], dtype=pl.Int64), title=["a", "b"]) == [["a"], ["b"]]


@pytest.mark.parametrize("catalogue", [Catalogue(3), Catalogue(1, pl.DataFrame({"title": [None]}))])
def test_without_a_word_there_is_nothing_to_go_by(catalogue: Catalogue) -> None:
    with pytest.raises(DataError, match=r"--model tfidf: .* nothing but their ids is known; .*--items, or .* als"):
        item_tokens(catalogue, "tfidf")
