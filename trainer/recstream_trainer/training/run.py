"""One training run, from a data set to a bundle."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from recstream.bundle import Manifest, TrainingRecord, write_bundle
from recstream.bundle.manifest import MAX_FURTHER_BYTES
from recstream.errors import ConfigurationError
from recstream_trainer.config import RunSettings
from recstream_trainer.datasets import Dataset
from recstream_trainer.evaluation import Interactions, Split, holdout_by_time, split
from recstream_trainer.evaluation.judged_model import JudgedModel, judge
from recstream_trainer.evaluation.protocols import Protocol, everything
from recstream_trainer.evaluation.rating_accuracy import RatingAccuracy, ratings_of
from recstream_trainer.evaluation.report import rating_report, report_files
from recstream_trainer.export import Export, bundle_content
from recstream_trainer.models import Catalogue, Family, Heir, Model
from recstream_trainer.preferences import fade, positive_from, preferences_of, weigh
from recstream_trainer.training.curves import training_files
from recstream_trainer.training.fit import Fitted, Plan
from recstream_trainer.training.previous_bundle import PreviousBundle, weights_files
from recstream_trainer.verification import verification_files

_USUAL_HALF_LIFE = 20.0
"""The best of those tried for ALS on the validation part of protocol A on ml-100k; on ml-1m shorter is better yet."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Run:
    """What is to be trained, on what, and where it goes.

    Attributes
    ----------
    family : Family
    dataset : Dataset
    protocol : "A", "B", "C", "E", "F" or None
        The hold-out that the model is judged on; None trains on everything, and so does B, which judges models of
        parts of the data.
    settings : RunSettings
    seed : int
        Of the split, the validation users and the model.
    device : str
        Of torch.
    name : str
        Of the bundle.
    command : str
        What a person typed, for the report.
    begins_from : PreviousBundle, optional
        What its models go on from; None begins anew.
    """

    family: Family
    dataset: Dataset
    protocol: Protocol | Literal["B"] | None
    settings: RunSettings
    seed: int
    device: str
    name: str
    command: str
    begins_from: PreviousBundle | None = None

    @property
    def identity(self) -> dict[str, Any]:
        """What two runs have in common when one can go on from the other's checkpoint; JSON-ready."""
        return {
            "model": self.family.name,
            "data": self.dataset.fingerprint,
            "protocol": self.protocol,
            "seed": self.seed,
            "settings": self.settings.model_dump(mode="json"),
            "begins_from": None if self.begins_from is None else self.begins_from.identity,
        }


@dataclass(frozen=True, eq=False)
class Prepared:
    """A run's data, ready to be learned from.

    Attributes
    ----------
    split : Split
        Its parts hold preferences only.
    history : Interactions
        What each user has seen, oldest first, before any test part; weight 0 where it is no preference.
    threshold : float or None
        Ratings from here on are preferences; None where all interactions are, or the protocol says.
    half_life : float or None
        Interactions after which an older one counts half; None where age does not matter.
    """

    split: Split
    history: Interactions
    threshold: float | None
    half_life: float | None


def prepare(run: Run) -> Prepared:
    """Split the data, and tell preferences from what was merely seen.

    Raises
    ------
    DataError
        The data set lacks what the protocol needs, or has no preference in it.
    """
    data = run.settings.data
    if run.family.learns_ratings:
        return _prepare_ratings(run)
    if run.protocol is None or run.protocol == "B":
        threshold = positive_from(run.dataset, data.min_rating)
        parts = holdout_by_time(weigh(run.dataset, threshold, data.weights), run.seed)
    else:
        threshold = None
        parts = split(weigh(run.dataset, None, data.weights), run.protocol, run.seed, share=data.share)
    if run.begins_from is not None:
        run.begins_from.require_unseen(parts)
    half_life = _half_life(run)
    if half_life is not None:
        train = fade(parts.train, half_life, followed_by=parts.validation)
        parts = replace(parts, train=train, validation=fade(parts.validation, half_life))
    history = parts.before_test
    parts = replace(parts, train=preferences_of(parts.train), validation=preferences_of(parts.validation))
    return Prepared(parts, history, threshold, half_life)


def _prepare_ratings(run: Run) -> Prepared:
    if run.protocol not in (None, "B"):
        raise ConfigurationError(
            f"--protocol {run.protocol}: {run.family.name} predicts ratings; judge it by --protocol B, or train without"
        )
    threshold = positive_from(run.dataset, run.settings.data.min_rating)
    ratings = ratings_of(run.dataset).values
    rated = run.dataset.interactions.with_columns(weight=pl.Series(ratings))
    parts = everything(replace(run.dataset, interactions=rated), run.seed)
    history = everything(weigh(run.dataset, threshold, run.settings.data.weights), run.seed).train
    return Prepared(parts, history, threshold, None)


def _half_life(run: Run) -> float | None:
    """Half-life of weights, in interactions, or None: C, E and F hold out at random, so age says nothing there."""
    chosen = run.settings.data.half_life
    if chosen == "auto":
        ordered = run.protocol not in ("C", "E", "F") and "timestamp" in run.dataset.interactions.columns
        return _USUAL_HALF_LIFE if ordered and run.family.fades else None
    return None if chosen == "none" else chosen


def plan_of(run: Run, prepared: Prepared) -> Plan:
    """What `fit` is to do.

    Protocol C's published figures are of models that saw the train part only, so there it stays at that.
    """
    parts = prepared.split
    catalogue = _catalogue(run.dataset, parts)
    predecessor = None if run.begins_from is None else run.begins_from.seen_from(parts)

    def make(train: Interactions) -> Model:
        model = run.family.make(run.settings.model, train, catalogue, run.seed, run.device)
        if predecessor is not None:
            assert isinstance(model, Heir)  # noqa: S101 - families that inherit make nothing else
            model.inherit(predecessor)
        return model

    settings = run.settings.training
    if run.family.single_pass:
        settings = settings.model_copy(update={"max_epochs": 1})
    if run.family.learns_ratings:
        epochs = run.settings.model.model_dump()["epochs"]
        settings = settings.model_copy(update={"max_epochs": epochs, "refit": False})
    refit = settings.refit and run.protocol != "C"
    return Plan(make, prepared.split, settings, run.seed, refit=refit, onward_share=run.family.onward_share)


def needed_bytes(run: Run, parts: Split) -> int:
    """What training takes at its peak, about."""
    family, model = run.family, run.settings.model
    needed = family.memory_bytes(model, len(parts.user_ids), len(parts.item_ids), len(parts.train))
    return needed + (family.image_bytes(model, _catalogue(run.dataset, parts)) if family.image_bytes else 0)


def _catalogue(dataset: Dataset, parts: Split) -> Catalogue:
    images = dataset.images[parts.item_codes] if dataset.images.columns else dataset.images
    return Catalogue(len(parts.item_ids), dataset.items[parts.item_codes], images)


def judge_fitted(run: Run, prepared: Prepared, fitted: Fitted, item_vectors: NDArray[np.float32]) -> JudgedModel:
    """Judge the model on the test part.

    Parameters
    ----------
    item_vectors : float32 (N, d)
        That the model is served with.

    Raises
    ------
    DataError
        Nobody can be judged, or scores are NaN.
    """
    return judge(
        fitted.model.score,
        run.dataset,
        _final_split(prepared, fitted),
        model=run.family.name,
        parameters=_parameters(run, prepared, fitted),
        item_vectors=item_vectors,
    )


def _final_split(prepared: Prepared, fitted: Fitted) -> Split:
    return replace(prepared.split, final_fit="train+validation") if fitted.saw_validation else prepared.split


def _parameters(run: Run, prepared: Prepared, fitted: Fitted) -> dict[str, Any]:
    """All settings, and what those left open came to; JSON-ready."""
    return run.settings.model_dump(mode="json") | {
        "resolved": {
            "positive_from": prepared.threshold,
            "half_life": prepared.half_life,
            "epochs": fitted.state.best_epoch,
            "device": run.device,
            "begins_from": None if run.begins_from is None else run.begins_from.bundle.manifest.version,
        }
    }


def export(
    run: Run,
    prepared: Prepared,
    fitted: Fitted,
    out: Path,
    *,
    overwrite: bool,
    wall_s: float,
    accuracy: RatingAccuracy | None = None,
) -> Manifest:
    """Judge the model if there is a test part, and write the bundle with the reports.

    Parameters
    ----------
    wall_s : float
        How long the training took.
    accuracy : RatingAccuracy, optional
        What protocol B came to.

    Raises
    ------
    ConfigurationError
        `out` may not be replaced.
    """
    parts = _final_split(prepared, fitted)
    serving = fitted.model.serving()
    parameters = _parameters(run, prepared, fitted)
    metrics: dict[str, float] = {}
    reports: dict[str, bytes] = {}
    if len(parts.test):
        judged = judge_fitted(run, prepared, fitted, serving.item_vectors)
        metrics = {name: value for name, value in judged.metrics.items() if name != "users"}
        reports = report_files(judged, wall_s=wall_s, command=run.command)
    elif accuracy is not None:
        metrics = accuracy.metrics
        reports = rating_report(
            accuracy,
            data=run.dataset.name,
            model=run.family.name,
            seed=run.seed,
            parameters=parameters,
            command=run.command,
        )
    elif fitted.state.best_metric is not None:
        metrics = {f"validation_{run.settings.training.metric}": fitted.state.best_metric}
    history = prepared.history if run.protocol in (None, "B") or fitted.saw_validation else parts.train
    extra_files = reports | verification_files(fitted.model.score, parts, history, run.seed)
    extra_files |= training_files(fitted, wall_s)
    extra_files |= weights_files(serving.learned, MAX_FURTHER_BYTES - sum(map(len, extra_files.values())))
    return write_bundle(
        out,
        bundle_content(
            Export(
                name=run.name,
                family=run.family.name,
                serving=serving,
                dataset=run.dataset,
                split=parts,
                history=history,
                training=TrainingRecord(run.seed, run.protocol, parameters),
                metrics=metrics,
                extra_files=extra_files,
            )
        ),
        overwrite=overwrite,
    )
