"""A trained bundle, judged on the hold-out that its trainer left it."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from recstream.bundle import Bundle, Ids
from recstream.bundle.engine import build_neighbours
from recstream.errors import DataError
from recstream_trainer.datasets import Dataset
from recstream_trainer.evaluation.interactions import Interactions
from recstream_trainer.evaluation.judged_model import JudgedModel, judge
from recstream_trainer.evaluation.protocols import LARGEST_SHARE, Protocol, Split, split
from recstream_trainer.evaluation.ranking import Scorer


def judge_bundle(bundle: Bundle, dataset: Dataset, protocol: Protocol, *, share: float = LARGEST_SHARE) -> JudgedModel:
    """Judge a bundle by a protocol, if it was trained under that protocol on that data set.

    Parameters
    ----------
    bundle : Bundle
        Scored as the server scores users without live events: the inner products of its stored vectors, or its
        neighbours of the stored histories.
    dataset : Dataset
        What it was trained on, cleaned in the same way.
    protocol : Protocol
        The seed is the one that the bundle was trained with, for another seed holds out other items.
    share : float
        That it was trained with, for protocol F.

    Raises
    ------
    DataError
        The bundle has seen the test part, in whole or in part, or nobody can tell; says why and the remedy.
    """
    _require_same_split(bundle, dataset, protocol)
    parts = split(dataset, protocol, bundle.manifest.training.seed, share=share)
    users = _rows(bundle.user_ids, parts.user_ids, "users")
    items = _rows(bundle.item_ids, parts.item_ids, "items")
    item_vectors = np.ascontiguousarray(bundle.item_vectors[items])
    return judge(
        _scorer_of(bundle, users, items),
        dataset,
        replace(parts, final_fit=_seen(bundle, parts, users, items)),
        model=f"{bundle.manifest.family} ({bundle.manifest.name} {bundle.manifest.version})",
        parameters=bundle.manifest.training.config,
        item_vectors=item_vectors,
    )


def _scorer_of(bundle: Bundle, users: NDArray[np.int64], items: NDArray[np.int64]) -> Scorer:
    """Scores for codes of the split, whose rows in the bundle are given."""
    item_vectors = np.ascontiguousarray(bundle.item_vectors[items])
    neighbours = build_neighbours(bundle)
    if neighbours is None:
        return lambda codes: bundle.user_vectors[users[codes]] @ item_vectors.T

    def score(codes: NDArray[np.int64]) -> NDArray[np.float32]:
        scores = np.empty((len(codes), len(items)), dtype=np.float32)
        for place, row in enumerate(users[codes]):
            entries = slice(bundle.history_indptr[row], bundle.history_indptr[row + 1])
            rows, weights = bundle.history_rows[entries], bundle.history_weights[entries]
            scores[place] = neighbours.scores(rows.astype(np.int64), weights)[items]
        return scores

    return score


def _require_same_split(bundle: Bundle, dataset: Dataset, protocol: Protocol) -> None:
    manifest = bundle.manifest
    if manifest.data.fingerprint != dataset.fingerprint:
        raise DataError(
            f"{manifest.name} was trained on other interactions (fingerprint {manifest.data.fingerprint[:12]}, of "
            f"{manifest.data.name}) than these (fingerprint {dataset.fingerprint[:12]}, of {dataset.name}): what it "
            "has seen of them cannot be told; evaluate it on the data that it was trained on"
        )
    if manifest.training.protocol != protocol:
        learned = (
            f"held out other interactions, those of protocol {manifest.training.protocol}"
            if manifest.training.protocol
            else "held nothing out for a test"
        )
        raise DataError(
            f"{manifest.name} has seen what protocol {protocol} tests on: its training {learned}. Its figures would "
            f"say how well it remembers, not how well it recommends; train with --protocol {protocol} and evaluate that"
        )


def _rows(ids: Ids, wanted: list[str], what: str) -> NDArray[np.int64]:
    """Row of the bundle for each code of the split."""
    row_of = {text: row for row, text in enumerate(ids.to_list())}
    missing = [text for text in wanted if text not in row_of]
    if missing:
        raise DataError(
            f"the bundle lacks {len(missing):,} of the {len(wanted):,} {what} of the split, {missing[0]!r} for one: it "
            "was not trained on this split, whatever its manifest says"
        )
    return np.array([row_of[text] for text in wanted], dtype=np.int64)


def _seen(bundle: Bundle, parts: Split, users: NDArray[np.int64], items: NDArray[np.int64]) -> str:
    """What the bundle's histories say that it has seen; the manifest is not taken at its word."""
    width = len(bundle.item_ids)
    owners = np.repeat(np.arange(len(bundle.user_ids)), np.diff(bundle.history_indptr))
    history = owners * width + bundle.history_rows

    def overlap(part: Interactions) -> int:
        return int(np.isin(users[part.users] * width + items[part.items], history).sum())

    tested = overlap(parts.test)
    if tested:
        raise DataError(
            f"{bundle.manifest.name} has {tested:,} of the {len(parts.test):,} test interactions in its histories: it "
            f"has seen them; train with --protocol {parts.protocol} and evaluate that"
        )
    validated = overlap(parts.validation)
    if validated == len(parts.validation):
        return "train+validation"
    return "train" if validated == 0 else f"train and {validated:,} of {len(parts.validation):,} validation"
