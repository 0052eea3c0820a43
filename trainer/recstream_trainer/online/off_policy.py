"""What a policy would have been worth, from what another one showed: inverse propensity scoring."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recstream.errors import DataError
from recstream_trainer.online.ratios import Estimate, ratio, sums_by_person

ASSUMPTIONS: Final = (
    "A propensity is the probability with which the policy of then showed that item at that place to that person.",
    "Whatever the target shows had a chance to be shown: where it had none, its value is unknown and counts as 0.",
    "Whether an item is clicked depends on the item, its place and the person, not on the other items of the list.",
    "The target is asked without a filter, candidates or exclusions, in the state that the answer came from.",
    "People act as they would have acted under the target: what it would have changed later is not in the log.",
)


@dataclass(frozen=True)
class PolicyValue:
    """Rewards an impression under a target policy.

    Attributes
    ----------
    impressions, people : int
        With a propensity.
    matched : int
        Impressions that the target would have shown at the same place.
    logged : Estimate
        Mean reward as it came.
    ips, snips : Estimate
        By inverse propensity scoring, unbiased under `ASSUMPTIONS`, and self-normalised: divided by the mean weight, a
        little biased and steadier.
    mean_weight : Estimate
        1 in expectation. An interval without 1 says that propensities are wrong, or that the target shows what had no
        chance.
    effective_sample_size : float
        Impressions of equal weight that would say as much: (sum w)^2 / sum w^2.
    """

    impressions: int
    people: int
    matched: int
    logged: Estimate
    ips: Estimate
    snips: Estimate
    mean_weight: Estimate
    effective_sample_size: float

    def to_json(self) -> dict[str, Any]:
        """JSON-ready, with the assumptions."""
        plain = {name: value.to_json() if isinstance(value, Estimate) else value for name, value in vars(self).items()}
        return plain | {"assumptions": list(ASSUMPTIONS)}


def policy_value(
    people: NDArray[np.int64],
    propensities: NDArray[np.float64],
    target: NDArray[np.float64],
    rewards: NDArray[np.float64],
    seed: int,
) -> PolicyValue:
    """Estimate a policy's value.

    Parameters
    ----------
    people : int64 (n,)
        Codes; whole people are drawn for the intervals.
    propensities : float64 (n,)
        Above 0, at most 1: how likely the logging policy showed each item at its place.
    target : float64 (n,)
        How likely the target shows it there; 0 or 1 where it leaves nothing to chance.
    rewards : float64 (n,)
    seed : int
        Of the intervals.

    Raises
    ------
    DataError
        The target would have shown none of it.
    """
    weights = target / propensities
    if not weights.any():
        raise DataError(
            f"the target would have shown none of the {len(weights):,} items at its place: the log says nothing of it; "
            "it takes a logging policy that gives the target's items a chance"
        )
    weight, earned = sums_by_person(people, weights), sums_by_person(people, weights * rewards)
    ones = sums_by_person(people, np.ones(len(weights)))
    return PolicyValue(
        impressions=len(weights),
        people=len(ones),
        matched=int((target > 0).sum()),
        logged=ratio(sums_by_person(people, rewards), ones, seed),
        ips=ratio(earned, ones, seed),
        snips=ratio(earned, weight, seed),
        mean_weight=ratio(weight, ones, seed),
        effective_sample_size=float(weights.sum() ** 2 / (weights**2).sum()),
    )
