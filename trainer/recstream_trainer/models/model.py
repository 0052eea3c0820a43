"""What a model family is to the rest of the trainer."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from recstream.bundle import Encoder
from recstream_trainer.evaluation import Interactions
from recstream_trainer.evaluation.rating_accuracy import RatingPredictor, Ratings
from recstream_trainer.models.catalogue import Catalogue


class FamilySettings(BaseModel):
    """Base of a family's settings: the ``[model]`` table of a config file."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True, eq=False)
class Learned:
    """What a later training needs besides the vectors, to begin where this one ended.

    Attributes
    ----------
    weights : mapping of str to array
        Numbers only.
    facts : mapping
        What they belong to, such as words; JSON-ready.
    """

    weights: Mapping[str, NDArray[Any]]
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Serving:
    """What the server needs of a trained model: ``score = <user vector, item vector>``, or neighbours.

    Attributes
    ----------
    user_vectors : float32 (U, d), C-contiguous
    item_vectors : float32 (N, d), C-contiguous
    encoder : Encoder
        How the server turns live events into a user vector; for the training history it gives `user_vectors`.
    onnx : bytes, optional
        The graph of an `OnnxEncoder`: docs/bundle-format.md says what it takes and gives.
    neighbours : (int64 (R + 1,), int32 (n,), float32 (n,)), optional
        The sparse matrix of an `ItemNeighbours` or `UserNeighbours`; the vectors have no columns then.
    learned : Learned, optional
        What ``--init-from`` needs besides the vectors.
    """

    user_vectors: NDArray[np.float32]
    item_vectors: NDArray[np.float32]
    encoder: Encoder
    onnx: bytes | None = None
    neighbours: tuple[NDArray[np.int64], NDArray[np.int32], NDArray[np.float32]] | None = None
    learned: Learned | None = None


class Model(Protocol):
    """A model while it is trained and after.

    Every random choice is drawn from the seed that the model was made with, so two models made alike and trained for as
    many epochs are equal; and `state` is all there is to one: after `restore` training goes on as if it had never
    stopped.
    """

    def run_epoch(self) -> float:
        """Train for one pass over the data and return the loss after it; smaller is better."""

    def finish(self) -> None:
        """Prepare for serving, after the last epoch; from here on `score` is what the server will answer."""

    def score(self, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """Scores of all N items for user codes (B,): float32 (B, N), larger is better."""

    def state(self) -> dict[str, NDArray[Any]]:
        """A copy of everything that training changes, by name."""

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Go back to a `state` of a model made alike."""

    def serving(self) -> Serving:
        """What to export; call `finish` first."""


ModelMaker = Callable[[Any, Interactions, Catalogue, int, str], Model]
"""(settings, training interactions, the items, seed, torch device) to an untrained model."""

MemoryEstimate = Callable[[Any, int, int, int], int]
"""(settings, users, items, interactions) to the peak bytes that training takes."""


RaterMaker = Callable[[Any, Ratings, int], RatingPredictor]
"""(settings, ratings to train on, seed) to a trained predictor of ratings."""


@dataclass(frozen=True)
class Family:
    """A kind of model that can be trained.

    Attributes
    ----------
    name : str
        As in ``--model NAME`` and in a bundle's manifest.
    summary : str
        One line for people.
    settings : type
        Its settings, all with defaults that are sane for any data set.
    make : callable
    memory_bytes : callable
    image_bytes : callable, optional
        (settings, the items) to the bytes that it takes besides to learn from their images; None: it does not.
    fades : bool
        It gains from weights that fall with age: its users are what they lately were.
    ordered : bool
        It learns from what followed what, so data without timestamps are a matter to mention.
    single_pass : bool
        One epoch says it all; there is nothing to stop early.
    onward_share : float
        Where training takes long: the final fit on everything goes on from the best epoch, by this share of the epochs
        that led there; 0 starts it anew.
    inherits : "ids", "weights", "content" or None
        What its models take over from a bundle of the family, being `Heir`: the vectors of ids that both know; weights
        with them; or those and what it learned of text and attributes, which needs no id in common.
    rate : callable, optional
        How it predicts ratings, for protocol B.
    learns_ratings : bool
        It is trained on all ratings, as weights, instead of preferences, for as many epochs as its setting ``epochs``
        says.
    data_parallel : bool
        Several processes can train one model together, each on a part of every batch; see `recstream_trainer.peers`.
    quick : mapping
        Settings that ``--quick`` changes.
    """

    name: str
    summary: str
    settings: type[FamilySettings]
    make: ModelMaker
    memory_bytes: MemoryEstimate
    image_bytes: Callable[[Any, Catalogue], int] | None = None
    fades: bool = False
    ordered: bool = False
    single_pass: bool = False
    onward_share: float = 0.0
    inherits: Literal["ids", "weights", "content"] | None = None
    rate: RaterMaker | None = None
    learns_ratings: bool = False
    data_parallel: bool = False
    quick: Mapping[str, Any] = field(default_factory=dict)
