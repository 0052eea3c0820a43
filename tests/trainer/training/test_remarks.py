"""What is said before a run starts."""

import numpy as np
import polars as pl
import pytest
from recstream_trainer.config import read_settings
from recstream_trainer.datasets import CleaningReport, Dataset
from recstream_trainer.models import load_family
from recstream_trainer.training.remarks import remarks
from recstream_trainer.training.run import Run, plan_of, prepare


def told(
    *, users: int = 60, each: int = 5, family: str = "als", timestamps: bool = True, needed: float = 1
) -> list[str]:
    """Of users who have so many of twenty items each, on a machine with 100 bytes free."""
    chosen = load_family(family)
    owners, steps = np.divmod(np.arange(users * each), each)
    columns = {"user": owners.astype(np.int32), "item": ((owners + steps) % 20).astype(np.int32)}
    columns |= {"timestamp": np.arange(users * each)} if timestamps else {}
    items = [f"i{code}" for code in range(20)]
    dataset = Dataset(
        "made",
        pl.DataFrame(columns),
        [f"u{code}" for code in range(users)],
        items,
        pl.DataFrame({"title": items}),
        CleaningReport(()),
    )
    run = Run(
        family=chosen,
        dataset=dataset,
        protocol=None,
        settings=read_settings(chosen),
        seed=1,
        device="cpu",
        name="made",
        command="recstream train",
    )
    prepared = prepare(run)
    return remarks(run, prepared, plan_of(run, prepared), needed_bytes=needed, free_bytes=100)


def test_nothing_is_said_where_nothing_disappoints() -> None:
    assert told() == []


@pytest.mark.parametrize(
    ("world", "remark"),
    [
        ({"family": "sasrec", "timestamps": False}, "made has no timestamps: the order of its rows is taken for that"),
        (
            {"each": 1},
            "Nobody has an item that could be held out, so nothing says how many epochs are best: all 30 are",
        ),
        ({"users": 30}, "Only 30 people are judged at a validation: ndcg@10 is little more than chance there"),
        ({"users": 1}, "Only 1 person is judged at a validation"),
        ({"needed": 250}, "This takes about 2.5 times the memory that is free: end other programs, make the model"),
    ],
)
def test_what_may_disappoint_is_said(world: dict, remark: str) -> None:
    (said,) = told(**world)
    assert said.startswith(remark)


def test_order_and_validation_do_not_matter_to_everybody() -> None:
    assert told(timestamps=False) == []
    assert told(family="popular", each=1) == []
