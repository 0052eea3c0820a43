"""The half steps of implicit ALS: one side's best vectors while the other side stands still.

For a row with observed columns i of weight w, the half step minimises over u (Rendle et al. 2021)::

    sum w (1 - <u, v_i>)^2  +  a0 * sum over all columns <u, v>^2  +  reg * (n + a0 * C)^exponent * |u|^2

that is, it solves ``(a0 V'V + sum w v_i v_i' + penalty I) u = sum w v_i``: what
`recstream._core.UserEncoder.als_fold_in` solves for one live user.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from recstream.errors import ConfigurationError
from recstream_trainer.models.observed import BLOCK_PAIRS, Block, Observed, Part
from recstream_trainer.models.parallel import in_parallel

_TINY = 1e-30
"""Keeps 0 / 0 at 0 where a row has converged to the bit; far below any squared residual that matters."""


@dataclass(frozen=True)
class Objective:
    """What implicit ALS minimises.

    Attributes
    ----------
    unobserved_weight : float
        a0, the confidence that a pair without an observation is a 0.
    regularization, regularization_exponent : float
    """

    unobserved_weight: float
    regularization: float
    regularization_exponent: float

    def penalties(self, part: Observed | Part, columns: int) -> torch.Tensor:
        """Factor of ``|u|^2`` for each row, float32 (R,)."""
        effective = part.counts + self.unobserved_weight * columns
        return self.regularization * effective**self.regularization_exponent

    def loss(self, users: torch.Tensor, items: torch.Tensor, by_user: Observed, by_item: Observed) -> float:
        """The whole objective; the sum over all pairs is that of the product of the two Gram matrices."""

        def squared_errors(part: Part) -> float:
            errors = 1 - part.products(users[part.rows], items).double()
            return float((part.weights * errors**2).sum())

        everything = float((_gram(users).double() * _gram(items).double()).sum())
        total = sum(in_parallel(squared_errors, by_user.parts)) + self.unobserved_weight * everything
        for vectors, observed in ((users, by_user), (items, by_item)):
            total += float((self.penalties(observed, observed.shape[1]) * vectors.double().square().sum(1)).sum())
        return total


def conjugate_gradient(
    observed: Observed, fixed: torch.Tensor, start: torch.Tensor, objective: Objective, steps: int
) -> torch.Tensor:
    """Approach the half step from `start` by a few steps of conjugate gradient.

    No row's matrix is formed: a step costs O(n d + R d^2), against O(n d^2 + R d^3) for `cholesky`.

    Parameters
    ----------
    observed : Observed of shape (R, C)
    fixed : float32 (C, d)
    start : float32 (R, d)
        The rows' vectors so far.

    Returns
    -------
    float32 (R, d)
        Never worse than `start` by the objective, up to rounding.
    """
    shared = objective.unobserved_weight * _gram(fixed)

    # In place wherever it can be: with small parts, new tensors are a third of the time.
    def solve(part: Part) -> torch.Tensor:
        penalties = objective.penalties(part, len(fixed))[:, None]
        solution = start[part.rows].clone()
        errors = part.products(solution, fixed).neg_().add_(1).mul_(part.weights)
        residual = part.sums(errors, fixed).addmm_(solution, shared, alpha=-1)
        residual.addcmul_(penalties, solution, value=-1)
        direction, squared = residual.clone(), _squares(residual)
        for step in range(1, steps + 1):
            image = part.sums(part.products(direction, fixed).mul_(part.weights), fixed)
            image.addmm_(direction, shared).addcmul_(penalties, direction)
            length = squared / ((direction * image).sum(1, keepdim=True) + _TINY)
            solution.addcmul_(length, direction)
            if step < steps:
                residual.addcmul_(length, image, value=-1)
                previous, squared = squared, _squares(residual)
                direction.mul_(squared / (previous + _TINY)).add_(residual)
        return solution

    return _of_all_parts(observed, solve)


def cholesky(observed: Observed, fixed: torch.Tensor, objective: Objective) -> torch.Tensor:
    """Solve the half step exactly, a block of rows of like length at a time.

    Parameters
    ----------
    observed : Observed of shape (R, C)
    fixed : float32 (C, d)

    Returns
    -------
    float32 (R, d)
        Zero for rows without a pair.

    Raises
    ------
    ConfigurationError
        There is too little regularization for the equations to have one solution.
    """
    shared = objective.unobserved_weight * _gram(fixed)
    padded = torch.cat([fixed, fixed.new_zeros(1, fixed.shape[1])])

    def solve(part: Part) -> torch.Tensor:
        penalties = objective.penalties(part, len(fixed))
        targets = part.sums(part.weights, fixed)
        solution = torch.zeros_like(targets)
        for block in part.blocks():
            rows = block[0]
            solution[rows] = _solve_block(block, shared, penalties[rows], padded, targets[rows])
        return solution

    return _of_all_parts(observed, solve)


def _of_all_parts(observed: Observed, solve: Callable[[Part], torch.Tensor]) -> torch.Tensor:
    return torch.cat(in_parallel(solve, observed.parts))


def _gram(vectors: torch.Tensor) -> torch.Tensor:
    return vectors.T @ vectors


def _squares(vectors: torch.Tensor) -> torch.Tensor:
    return (vectors * vectors).sum(1, keepdim=True)


def _solve_block(
    block: Block, shared: torch.Tensor, penalties: torch.Tensor, padded: torch.Tensor, targets: torch.Tensor
) -> torch.Tensor:
    solution, failed = _factor_and_solve(block, shared, penalties, padded, targets)
    if failed:
        # Too little regularization for float32: definite on paper, not after rounding.
        doubles = (given.double() for given in (shared, penalties, padded, targets))
        solution, failed = _factor_and_solve(block, *doubles)
    if failed:
        raise ConfigurationError(
            "model.regularization is too small: the equations of some rows have no unique solution; raise it"
        )
    return solution.to(targets.dtype)


def _factor_and_solve(
    block: Block, shared: torch.Tensor, penalties: torch.Tensor, padded: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, bool]:
    """Solutions of a block's rows, and whether the equations of one were not positive definite."""
    rows, columns, weights = block
    systems = shared + torch.diag_embed(penalties[:, None].expand(-1, len(shared)))
    # A row longer than a block is gathered in pieces, so an item that everybody has does not fill the memory.
    width = max(1, BLOCK_PAIRS // len(rows))
    for some, confidences in zip(torch.split(columns, width, 1), torch.split(weights, width, 1), strict=True):
        vectors = padded[some]
        systems = torch.baddbmm(systems, (vectors * confidences[:, :, None]).mT, vectors)
    factors, failures = torch.linalg.cholesky_ex(systems)
    return torch.cholesky_solve(targets[:, :, None], factors)[:, :, 0], bool(failures.any())
