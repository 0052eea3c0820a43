"""A bundle is judged by what it has not seen, or not at all."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from recstream_trainer.datasets import Dataset
from recstream_trainer.evaluation import Interactions, Split, evaluate_ranking, judge_bundle, split

from recstream.bundle import Bundle
from recstream.errors import DataError

MakeBundle = Callable[..., Bundle]


@pytest.mark.parametrize("protocol", ["A", "C"])
def test_scores_are_those_of_the_stored_vectors(make_bundle: MakeBundle, films: Dataset, protocol: str) -> None:
    bundle = make_bundle(protocol)
    judged = judge_bundle(bundle, films, protocol)  # type: ignore[arg-type]
    parts = split(films, protocol, 7)  # type: ignore[arg-type]
    scores = bundle.user_vectors @ bundle.item_vectors.T
    expected = evaluate_ranking(lambda users: scores[users], parts.before_test, parts.test, (10, 20))
    assert expected.items() <= judged.metrics.items()
    assert judged.model == f"als (films-als {bundle.manifest.version})"
    assert judged.parameters == {"dimension": 4}
    assert judged.split.final_fit == "train"


def test_a_fit_that_saw_validation_says_so(make_bundle: MakeBundle, films: Dataset) -> None:
    bundle = make_bundle(history=lambda parts: parts.before_test)
    assert judge_bundle(bundle, films, "C").split.final_fit == "train+validation"


def test_a_fit_that_saw_a_part_of_validation_says_so(make_bundle: MakeBundle, films: Dataset) -> None:
    def history(parts: Split) -> Interactions:
        first = Interactions.from_rows(np.array([0]), parts.validation.of(0)[:1], None, len(parts.user_ids))
        return parts.train.followed_by(first)

    judged = judge_bundle(make_bundle(history=history), films, "C")
    assert judged.split.final_fit == f"train and 1 of {len(judged.split.validation)} validation"


def test_rows_need_not_be_in_the_order_of_the_split(make_bundle: MakeBundle, films: Dataset) -> None:
    bundle = make_bundle()
    turned = turn_around(bundle)
    assert judge_bundle(turned, films, "C").metrics == judge_bundle(bundle, films, "C").metrics


def turn_around(bundle: Bundle) -> Bundle:
    """The same bundle with its items in the opposite order."""
    lengths = np.diff(bundle.item_ids.offsets)[::-1]
    texts = bundle.item_ids.to_list()[::-1]
    ids = replace(
        bundle.item_ids,
        utf8=np.frombuffer("".join(texts).encode(), dtype=np.uint8),
        offsets=np.concatenate([[0], np.cumsum(lengths)]),
    )
    rows = (len(texts) - 1 - bundle.history_rows).astype(np.int32)
    return replace(bundle, item_ids=ids, item_vectors=bundle.item_vectors[::-1], history_rows=rows)


def test_a_bundle_trained_on_everything_is_refused(make_bundle: MakeBundle, films: Dataset) -> None:
    bundle = make_bundle(None, history=lambda parts: parts.before_test.followed_by(parts.test))
    with pytest.raises(DataError, match=r"has seen what protocol C tests on: .* held nothing out .*--protocol C and"):
        judge_bundle(bundle, films, "C")


def test_a_bundle_of_another_protocol_is_refused(make_bundle: MakeBundle, films: Dataset) -> None:
    with pytest.raises(DataError, match=r"held out other interactions, those of protocol A\."):
        judge_bundle(make_bundle("A"), films, "C")


def test_a_manifest_that_lies_is_found_out(make_bundle: MakeBundle, films: Dataset) -> None:
    bundle = make_bundle("C", history=lambda parts: parts.before_test.followed_by(parts.test))
    tests = len(split(films, "C", 7).test)
    with pytest.raises(DataError, match=f"has {tests} of the {tests} test interactions in its histories"):
        judge_bundle(bundle, films, "C")


def test_other_data_is_refused(make_bundle: MakeBundle, films: Dataset) -> None:
    with pytest.raises(DataError, match=r"trained on other interactions \(fingerprint 000000000000, of films\)"):
        judge_bundle(make_bundle(fingerprint="0" * 64), films, "C")


def test_a_bundle_without_an_item_of_the_split_is_refused(make_bundle: MakeBundle, films: Dataset) -> None:
    bundle = make_bundle()
    other = replace(bundle.item_ids, utf8=np.where(bundle.item_ids.utf8 == ord("i"), ord("j"), bundle.item_ids.utf8))
    with pytest.raises(DataError, match=r"lacks 20 of the 20 items of the split, '.*' for one"):
        judge_bundle(replace(bundle, item_ids=other), films, "C")
