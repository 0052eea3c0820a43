"""Attributes of a type that the format does not have are refused."""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from recstream.bundle import load_bundle
from recstream.errors import BundleError

Reseal = Callable[..., None]
Refusal = Callable[[Path], BundleError]


ITEM_LIES: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "a row fewer": lambda f: f.head(19),
    "NaN": lambda f: f.with_columns(x=pl.lit(float("nan"))),
    "infinity": lambda f: f.with_columns(x=pl.lit(float("inf"))),
    "a time": lambda f: f.with_columns(x=pl.lit(0).cast(pl.Datetime)),
    "a struct": lambda f: f.with_columns(x=pl.struct("title")),
    "a list of numbers": lambda f: f.with_columns(x=pl.concat_list("year")),
    "bytes": lambda f: f.with_columns(x=pl.lit(b"x")),
    "an empty column name": lambda f: f.rename({"title": ""}),
    "a long column name": lambda f: f.rename({"title": "t" * 129}),
}


@pytest.mark.parametrize("lie", ITEM_LIES)
def test_lying_attributes_are_refused(
    bundle_folder: Path, reseal: Reseal, lie: str, monkeypatch: pytest.MonkeyPatch, refusal: Refusal
) -> None:
    frame = load_bundle(bundle_folder).items
    monkeypatch.setattr("recstream.bundle.items._try_in_child", lambda _: None)
    ITEM_LIES[lie](frame).write_ipc(bundle_folder / "items.arrow")
    reseal(bundle_folder)
    assert refusal(bundle_folder).file == "items.arrow"
