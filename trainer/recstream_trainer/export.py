"""From a trained model to the bundle that a server loads."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from recstream.bundle import BundleContent, DataRecord, TrainingRecord
from recstream.errors import ConfigurationError
from recstream_trainer.datasets import Dataset
from recstream_trainer.evaluation import Interactions, Split
from recstream_trainer.models import Serving


@dataclass(frozen=True, eq=False, kw_only=True)
class Export:
    """A trained model with what it was trained on.

    Attributes
    ----------
    name : str
        Of the bundle; see `bundle_name`.
    family : str
    serving : Serving
        Over the codes of `split`.
    dataset : Dataset
    split : Split
    history : Interactions
        What each user has seen, oldest first, with the weights of training; 0 for what is no preference.
    training : TrainingRecord
    metrics : mapping of str to float
    extra_files : mapping of str to bytes
        Reports that travel with the bundle.
    """

    name: str
    family: str
    serving: Serving
    dataset: Dataset
    split: Split
    history: Interactions
    training: TrainingRecord
    metrics: Mapping[str, float]
    extra_files: Mapping[str, bytes]


def bundle_content(export: Export) -> BundleContent:
    """What `recstream.bundle.write_bundle` writes."""
    dataset, split, history = export.dataset, export.split, export.history
    dense = export.serving.neighbours is None
    wanted = history.items[history.weights > 0]
    return BundleContent(
        name=export.name,
        family=export.family,
        item_ids=split.item_ids,
        item_vectors=export.serving.item_vectors if dense else None,
        item_popularity=np.bincount(wanted, minlength=len(split.item_ids)).astype(np.float32),
        user_ids=split.user_ids,
        user_vectors=export.serving.user_vectors if dense else None,
        history=(history.indptr, history.items, history.weights),
        history_times=history.times,
        encoder=export.serving.encoder,
        onnx=export.serving.onnx,
        neighbours=export.serving.neighbours,
        items=dataset.items[split.item_codes],
        metrics=export.metrics,
        training=export.training,
        data=DataRecord(dataset.name, len(history), dataset.fingerprint, dataset.log),
        extra_files=export.extra_files,
    )


def check_bundle_name(name: str) -> None:
    """Say early, before the training, that a name does not fit.

    Raises
    ------
    ConfigurationError
    """
    if not re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", name):
        raise ConfigurationError(
            f"--name {name!r}: must be 1 to 64 of a-z, 0-9, '.', '_' and '-', and begin with a letter or digit"
        )


def bundle_name(dataset: str, family: str) -> str:
    """``<data set>-<family>``, with what a bundle's name cannot hold replaced by hyphens."""
    slug = re.sub(r"[^a-z0-9._-]+", "-", dataset.lower()).strip("-._") or "data"
    return f"{slug[: 63 - len(family)]}-{family}"
