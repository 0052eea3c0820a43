"""The items that a model is made for."""

from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True, eq=False)
class Catalogue:
    """How many items there are, and what is known about them.

    Attributes
    ----------
    item_count : int
        N.
    attributes : polars.DataFrame
        A row per item in code order and a column per attribute, as in `recstream_trainer.datasets.Dataset`; without
        columns where nothing is known.
    images : polars.DataFrame
        The same for their images: ``image_vector`` and ``image_file``.
    """

    item_count: int
    attributes: pl.DataFrame = field(default_factory=pl.DataFrame)
    images: pl.DataFrame = field(default_factory=pl.DataFrame)
