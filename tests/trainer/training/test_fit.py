from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from recstream_trainer.evaluation import Interactions
from recstream_trainer.models import Model
from recstream_trainer.training.fit import InterruptedBeforeFirstEpochError, Plan, StoppedBy, fit
from recstream_trainer.training.run_state import RunState

MakePlan = Callable[..., Plan]
StopAfter = Callable[[int], Callable[[], bool]]


class Witness:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, object]] = []

    def begin(self, state: RunState, epochs: int) -> None:
        self.told.append(("begin", state.stage, epochs))

    def epoch(self, state: RunState, model: Model) -> None:
        self.told.append(("epoch", state.stage, state.epoch))

    def end(self, state: RunState, model: Model, stopped_by: StoppedBy) -> None:
        self.told.append(("end", state.stage, stopped_by))


def test_the_model_of_the_best_epoch_is_kept(plan: MakePlan) -> None:
    fitted = fit(plan([3, 2, 1, 2, 3], patience=5), RunState())
    assert fitted.state.best_epoch == 3
    assert fitted.stopped_by == "epochs"
    assert not fitted.saw_validation
    assert vars(fitted.model)["epochs"] == 3
    assert vars(fitted.model)["finished"]


def test_training_stops_when_patience_runs_out(plan: MakePlan) -> None:
    fitted = fit(plan([2, 1, 2, 2, 2, 1], patience=3), RunState())
    assert fitted.stopped_by == "patience"
    assert [record.epoch for record in fitted.state.records] == [1, 2, 3, 4, 5]
    assert fitted.state.best_epoch == 2
    # Item 4 came second among the four that were not seen, then behind one or more of them.
    metrics = [record.metric for record in fitted.state.records]
    np.testing.assert_allclose(metrics, [1 / np.log2(3), 1, *[1 / np.log2(3)] * 3])


def test_auc_sees_what_happens_behind_the_tenth_place(plan: MakePlan) -> None:
    fitted = fit(plan([4, 3, 4, 2], metric="auc"), RunState())
    # Item 4 and three others were not seen: of these the first is behind it on place 3, two on place 2.
    np.testing.assert_allclose([record.metric for record in fitted.state.records], [0, 1 / 3, 0, 2 / 3])
    assert fitted.state.best_epoch == 4


def test_an_equal_metric_is_no_improvement(plan: MakePlan) -> None:
    fitted = fit(plan([1, 1, 1, 1], patience=2), RunState())
    assert (fitted.stopped_by, fitted.state.best_epoch) == ("patience", 1)


def test_validation_takes_place_as_often_as_set_and_at_the_end(plan: MakePlan) -> None:
    fitted = fit(plan([3, 1, 2, 1, 1], evaluate_every=2), RunState())
    assert [record.metric is not None for record in fitted.state.records] == [False, True, False, True, True]
    assert fitted.state.best_epoch == 2


def test_the_refit_sees_everything_for_the_best_number_of_epochs(plan: MakePlan) -> None:
    witness = Witness()
    fitted = fit(plan([2, 1, 2, 2], refit=True, patience=2), RunState(), observers=[witness])
    assert fitted.saw_validation
    assert vars(fitted.model)["epochs"] == 2
    train = vars(fitted.model)["train"]
    assert isinstance(train, Interactions)
    np.testing.assert_array_equal(train.counts, np.full(10, 2))
    assert witness.told == [
        ("begin", "select", 4),
        *[("epoch", "select", epoch) for epoch in (1, 2, 3, 4)],
        ("end", "select", "epochs"),
        ("begin", "refit", 2),
        *[("epoch", "refit", epoch) for epoch in (1, 2)],
        ("end", "refit", "epochs"),
    ]


def test_an_interrupted_search_keeps_the_best_so_far(plan: MakePlan, after: StopAfter) -> None:
    fitted = fit(plan([3, 1, 2, 2], refit=True), RunState(), stop=after(3))
    assert fitted.stopped_by == "interruption"
    assert not fitted.saw_validation
    assert vars(fitted.model)["epochs"] == 2


def test_an_interrupted_refit_falls_back_to_the_best_of_the_search(plan: MakePlan, after: StopAfter) -> None:
    fitted = fit(plan([2, 2, 1], refit=True), RunState(), stop=after(4))
    assert (fitted.stopped_by, fitted.state.stage, fitted.state.epoch) == ("interruption", "refit", 1)
    assert not fitted.saw_validation
    assert vars(fitted.model)["epochs"] == 3
    np.testing.assert_array_equal(vars(fitted.model)["train"].counts, np.full(10, 1))


def test_an_interruption_before_the_first_epoch_leaves_nothing(plan: MakePlan) -> None:
    with pytest.raises(InterruptedBeforeFirstEpochError, match="before the first epoch"):
        fit(plan([1]), RunState(), stop=lambda: True)


def test_without_anybody_held_out_the_last_epoch_is_the_best(plan: MakePlan) -> None:
    made = plan([1, 1, 1], patience=1)
    nothing = replace(made.split, validation=made.split.test)
    fitted = fit(replace(made, split=nothing), RunState())
    assert fitted.state.best_epoch == 3
    assert fitted.state.best_metric is None


def test_only_so_many_users_are_judged_always_the_same(plan: MakePlan) -> None:
    judged: list[tuple[int, ...]] = []
    made = plan([1, 1, 1], validation_users=4)

    def watched(train: Interactions) -> Model:
        model = made.make(train)
        score = model.score

        def listen(users: np.ndarray) -> np.ndarray:
            judged.append(tuple(users))
            return score(users)

        vars(model)["score"] = listen
        return model

    fit(replace(made, make=watched), RunState())
    assert len(judged) == 3
    assert len(set(judged)) == 1
    assert len(judged[0]) == 4


def test_where_training_takes_long_the_final_fit_goes_on_from_the_best(plan: MakePlan) -> None:
    witness = Witness()
    onward = replace(plan([3, 2, 1, 2, 2, 2, 2], refit=True, patience=3), onward_share=0.5)
    fitted = fit(onward, RunState(), observers=[witness])
    assert fitted.saw_validation
    np.testing.assert_array_equal(vars(fitted.model)["train"].counts, np.full(10, 2))
    # Three epochs to the best, and half as many, rounded up.
    assert ("begin", "refit", 2) in witness.told
    assert vars(fitted.model)["epochs"] == 5


@pytest.mark.parametrize("stopped_after", [6, 7])
def test_an_onward_fit_can_be_resumed_from_its_start_or_its_middle(
    plan: MakePlan, after: StopAfter, stopped_after: int
) -> None:
    onward = replace(plan([3, 2, 1, 2, 2, 2, 2], refit=True, patience=3), onward_share=0.5)
    state = RunState()
    assert fit(onward, state, stop=after(stopped_after)).stopped_by == "interruption"
    assert (state.stage, state.epoch) == ("refit", stopped_after - 6)
    # As a checkpoint has it: nothing before the first epoch.
    state.current = {"epochs": np.array(3 + state.epoch)} if state.epoch else {}
    fitted = fit(onward, state)
    assert vars(fitted.model)["epochs"] == 5
