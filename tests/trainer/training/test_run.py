import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from recstream_trainer.config import read_settings
from recstream_trainer.datasets import CleaningReport, Dataset
from recstream_trainer.evaluation.protocols import Protocol
from recstream_trainer.models import load_family
from recstream_trainer.training.run import Run, plan_of, prepare


@pytest.fixture
def dataset() -> Dataset:
    """Twenty users who rate twelve items in turn, every third of them low."""
    users, items = np.divmod(np.arange(240), 12)
    columns = {
        "user": users.astype(np.int32),
        "item": items.astype(np.int32),
        "rating": np.where(items % 3 == 0, 1, 5).astype(np.float32),
        "timestamp": np.arange(240),
    }
    ids = [str(code) for code in range(20)]
    return Dataset("made", pl.DataFrame(columns), ids, ids[:12], pl.DataFrame({"title": ids[:12]}), CleaningReport(()))


def run_of(dataset: Dataset, protocol: Protocol | None, *assignments: str, family: str = "als") -> Run:
    chosen = load_family(family)
    settings = read_settings(chosen, assignments=assignments)
    return Run(
        family=chosen,
        dataset=dataset,
        protocol=protocol,
        settings=settings,
        seed=1,
        device="cpu",
        name="made",
        command="recstream train",
    )


def test_plain_training_learns_preferences_and_remembers_everything(dataset: Dataset) -> None:
    prepared = prepare(run_of(dataset, None))
    assert prepared.threshold == 3
    assert len(prepared.history) == 240
    np.testing.assert_array_equal(prepared.history.of(7), np.arange(12))
    faded = 2.0 ** (-np.array([10, 9]) / 20)
    np.testing.assert_allclose(prepared.history.weights[:4], [0, *faded, 0], rtol=1e-6)
    assert len(prepared.split.train) + len(prepared.split.validation) == 160
    assert (prepared.split.train.weights > 0).all()


def test_the_threshold_can_be_set(dataset: Dataset) -> None:
    assert len(prepare(run_of(dataset, None, "data.min_rating=all")).split.train) == 220
    assert prepare(run_of(dataset, None, "data.min_rating=4")).threshold == 4


def test_a_protocol_has_its_own_positives_and_a_test_part(dataset: Dataset) -> None:
    prepared = prepare(run_of(dataset, "C"))
    assert prepared.threshold is None
    assert len(prepared.split.item_ids) == 8
    assert len(prepared.split.test) == 20
    assert len(prepared.history) == 140


@pytest.mark.parametrize(("protocol", "refit"), [(None, True), ("A", True), ("C", False)])
def test_only_protocol_c_stays_with_the_train_part(dataset: Dataset, protocol: Protocol | None, refit: bool) -> None:
    run = run_of(dataset, protocol)
    assert plan_of(run, prepare(run)).refit is refit
    without = run_of(dataset, protocol, "training.refit=false")
    assert not plan_of(without, prepare(without)).refit


def test_a_family_of_a_single_pass_gets_one_epoch(dataset: Dataset) -> None:
    run = run_of(dataset, None, family="popular")
    assert plan_of(run, prepare(run)).settings.max_epochs == 1


def test_the_identity_of_a_run_is_json_and_tells_runs_apart(dataset: Dataset) -> None:
    run = run_of(dataset, None)
    assert json.loads(json.dumps(run.identity)) == run.identity
    assert run_of(dataset, "C").identity != run.identity
    assert run_of(dataset, None, "model.dimension=8").identity != run.identity


@pytest.mark.parametrize(
    ("protocol", "family", "assignments", "half_life"),
    [
        (None, "als", [], 20),
        ("A", "als", [], 20),
        ("C", "als", [], None),
        ("A", "popular", [], None),
        (None, "als", ["data.half_life=none"], None),
        ("C", "als", ["data.half_life=7"], 7),
    ],
)
def test_weights_fade_where_the_order_says_something(
    dataset: Dataset, protocol: Protocol | None, family: str, assignments: list[str], half_life: float | None
) -> None:
    prepared = prepare(run_of(dataset, protocol, *assignments, family=family))
    assert prepared.half_life == half_life
    assert (len(np.unique(prepared.split.train.weights)) > 1) is (half_life is not None)


def test_nothing_fades_without_timestamps(dataset: Dataset) -> None:
    timeless = replace(dataset, interactions=dataset.interactions.drop("timestamp"))
    assert prepare(run_of(timeless, None)).half_life is None
