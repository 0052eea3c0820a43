"""What a person should know about their data and machine before a long run starts."""

import numpy as np

from recstream_trainer.training.fit import Plan
from recstream_trainer.training.run import Prepared, Run

_FEW_JUDGED = 50


def remarks(run: Run, prepared: Prepared, plan: Plan, *, needed_bytes: float, free_bytes: float) -> list[str]:
    """Sentences about what may disappoint, each with what to do about it; none where nothing does."""
    told = []
    if run.family.ordered and "timestamp" not in run.dataset.interactions.columns:
        told.append(f"{run.dataset.name} has no timestamps: the order of its rows is taken for that of time")
    if not run.family.single_pass and not run.family.learns_ratings:
        told += _about_validation(prepared, plan)
    if needed_bytes > free_bytes:
        told.append(
            f"This takes about {needed_bytes / free_bytes:.1f} times the memory that is free: end other programs, make "
            "the model smaller (docs/training.md names its settings), or take a part of the data"
        )
    return told


def _about_validation(prepared: Prepared, plan: Plan) -> list[str]:
    judged = min(int(np.count_nonzero(prepared.split.validation.counts)), plan.settings.validation_users)
    if not judged:
        nobody = "Nobody has an item that could be held out, so nothing says how many epochs are best"
        return [f"{nobody}: all {plan.settings.max_epochs} are trained. People with two items or more would help"]
    if judged < _FEW_JUDGED:
        few = f"Only {judged} " + ("person is" if judged == 1 else "people are")
        return [f"{few} judged at a validation: {plan.settings.metric} is little more than chance there"]
    return []
