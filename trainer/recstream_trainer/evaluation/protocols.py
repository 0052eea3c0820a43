"""Hold-outs: which interactions a model learns from, is tuned on and is judged by."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from recstream_trainer.datasets import Dataset
from recstream_trainer.evaluation.interactions import Interactions

__all__ = ["Interactions", "Split", "holdout_by_time", "split"]


@dataclass(frozen=True)
class Split:
    """Three disjoint parts of a data set, over codes of their own.

    Attributes
    ----------
    protocol : str or None
        ``"A"`` or ``"C"`` of docs/quality.md, or None for plain training.
    seed : int
        Of the random choices; protocol A makes none.
    train, validation, test : Interactions
        All three over the same U user and N item codes. Without a protocol ``test`` is empty.
    user_ids, item_ids : list of str
        The ids of the split's codes; users and items that the protocol leaves out have none.
    user_codes : int64 (U,)
        Code in the data set of each user of the split.
    item_codes : int64 (N,)
        Code in the data set of each item of the split: ``dataset.items[split.item_codes]`` are the attribute rows.
    final_fit : str
        What the model that is judged or exported has seen: ``"train"``, or ``"train+validation"`` if the trainer fits it
        again after tuning and says so with `dataclasses.replace`.
    """

    protocol: str | None
    seed: int
    train: Interactions
    validation: Interactions
    test: Interactions
    user_ids: list[str]
    item_ids: list[str]
    user_codes: NDArray[np.int64]
    item_codes: NDArray[np.int64]
    final_fit: str


def split(dataset: Dataset, protocol: Literal["A", "C"], seed: int) -> Split:
    """Split a data set by a protocol of docs/quality.md.

    Raises
    ------
    DataError
        The data set lacks what the protocol needs: timestamps for A, ratings for C, or enough rows.
    """
    raise NotImplementedError


def holdout_by_time(dataset: Dataset, seed: int, *, max_users: int = 2000) -> Split:
    """Hold out the newest item of some users, to stop training early; there is no test part.

    Parameters
    ----------
    max_users : int
        At most this many users give their newest item, drawn by the seed among those with three items or more.
    """
    raise NotImplementedError
