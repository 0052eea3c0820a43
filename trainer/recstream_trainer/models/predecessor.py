"""What a model hands on, and what another training begins from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel

from recstream.errors import ConfigurationError
from recstream_trainer.models.model import Model


@dataclass(frozen=True, eq=False)
class Predecessor:
    """The model of a bundle, seen from the items and users of another training.

    Attributes
    ----------
    item_rows : int64 (N,)
        Row in the bundle of each item; -1 for those that it does not know.
    user_rows : int64 (U,)
        The same for users.
    item_vectors : float32 (N', d)
    user_vectors : float32 (U', d)
    settings : mapping
        Of the model, as its training had them.
    weights : mapping of str to array
        `Learned.weights`; empty for families that hand on vectors only.
    facts : mapping
        `Learned.facts`.
    """

    item_rows: NDArray[np.int64]
    user_rows: NDArray[np.int64]
    item_vectors: NDArray[np.float32]
    user_vectors: NDArray[np.float32]
    settings: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)

    def misfit(self, problem: str, settings: BaseModel) -> ConfigurationError:
        """The error of a model with other sizes; names the settings to give."""
        mine = settings.model_dump(mode="json")
        wanted = [f"model.{name}={value}" for name, value in self.settings.items() if mine.get(name, value) != value]
        remedy = f"its settings differ; give --set {' --set '.join(wanted)}" if wanted else "train it again"
        return ConfigurationError(f"--init-from: {problem}; {remedy}")

    def vectors(
        self, own: NDArray[np.float32], inherited: NDArray[np.float32], rows: NDArray[np.int64], settings: BaseModel
    ) -> NDArray[np.float32]:
        """A copy of `own` (n, d) whose rows are those of `inherited` where the bundle knows them.

        Raises
        ------
        ConfigurationError
            They are of another width.
        """
        if own.shape[1] != inherited.shape[1]:
            raise self.misfit(f"its vectors have {inherited.shape[1]} numbers, not {own.shape[1]}", settings)
        vectors = own.copy()
        vectors[rows >= 0] = inherited[rows[rows >= 0]]
        return vectors


@runtime_checkable
class Heir(Model, Protocol):
    """A model that can begin where another one ended."""

    def inherit(self, predecessor: Predecessor) -> None:
        """Begin from it; called once, before the first epoch.

        Raises
        ------
        ConfigurationError
            It does not fit.
        """
