"""The half steps of implicit ALS: one side's best vectors while the other side stands still.

For a row with observed columns i of weight w, the half step minimises over u (Rendle et al. 2021)::

    sum w (1 - <u, v_i>)^2  +  a0 * sum over all columns <u, v>^2  +  reg * (n + a0 * C)^exponent * |u|^2

that is, it solves ``(a0 V'V + sum w v_i v_i' + penalty I) u = sum w v_i``: what
`recstream._core.UserEncoder.als_fold_in` solves for one live user.
"""

from dataclasses import dataclass

import torch

from recstream.errors import ConfigurationError
from recstream_trainer.models.observed import BLOCK_PAIRS, Block, Observed

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

    def penalties(self, observed: Observed) -> torch.Tensor:
        """Factor of ``|u|^2`` for each row, float32 (R,)."""
        effective = observed.counts + self.unobserved_weight * observed.shape[1]
        return self.regularization * effective**self.regularization_exponent

    def loss(self, users: torch.Tensor, items: torch.Tensor, by_user: Observed, by_item: Observed) -> float:
        """The whole objective; the sum over all pairs is that of the product of the two Gram matrices."""
        errors = 1 - by_user.products(users, items).double()
        everything = (_gram(users).double() * _gram(items).double()).sum()
        return float(
            (by_user.weights * errors**2).sum()
            + self.unobserved_weight * everything
            + (self.penalties(by_user) * users.double().square().sum(1)).sum()
            + (self.penalties(by_item) * items.double().square().sum(1)).sum()
        )


def conjugate_gradient(
    observed: Observed, fixed: torch.Tensor, start: torch.Tensor, objective: Objective, steps: int
) -> torch.Tensor:
    """Approach the half step from `start` by a few steps of conjugate gradient, all rows at once.

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
    penalties = objective.penalties(observed)[:, None]
    weights = observed.weights
    residual = observed.sums(weights - weights * observed.products(start, fixed), fixed)
    residual -= start @ shared + penalties * start
    solution, direction = start.clone(), residual.clone()
    squared = _squares(residual)
    for _ in range(steps):
        image = observed.sums(weights * observed.products(direction, fixed), fixed)
        image += direction @ shared + penalties * direction
        length = squared / ((direction * image).sum(1, keepdim=True) + _TINY)
        solution += length * direction
        residual -= length * image
        previous, squared = squared, _squares(residual)
        direction = residual + squared / (previous + _TINY) * direction
    return solution


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
    """
    shared = objective.unobserved_weight * _gram(fixed)
    penalties = objective.penalties(observed)
    targets = observed.sums(observed.weights, fixed)
    padded = torch.cat([fixed, fixed.new_zeros(1, fixed.shape[1])])
    solution = torch.zeros_like(targets)
    for block in observed.blocks():
        rows = block[0]
        solved, failed = _solve(block, shared, penalties[rows], padded, targets[rows])
        if failed:
            # Too little regularization for float32: definite on paper, not after rounding.
            doubles = (part.double() for part in (shared, penalties[rows], padded, targets[rows]))
            solved, failed = _solve(block, *doubles)
        if failed:
            raise ConfigurationError(
                "model.regularization is too small: the equations of some rows have no unique solution; raise it"
            )
        solution[rows] = solved.to(solution.dtype)
    return solution


def _gram(vectors: torch.Tensor) -> torch.Tensor:
    return vectors.T @ vectors


def _squares(vectors: torch.Tensor) -> torch.Tensor:
    return (vectors * vectors).sum(1, keepdim=True)


def _solve(
    block: Block, shared: torch.Tensor, penalties: torch.Tensor, padded: torch.Tensor, targets: torch.Tensor
) -> tuple[torch.Tensor, bool]:
    """Solutions of a block's rows, and whether the equations of one were not positive definite."""
    rows, columns, weights = block
    systems = shared + torch.diag_embed(penalties[:, None].expand(-1, len(shared)))
    # A row longer than a block is gathered in parts, so an item that everybody has does not fill the memory.
    width = max(1, BLOCK_PAIRS // len(rows))
    for some, confidences in zip(torch.split(columns, width, 1), torch.split(weights, width, 1), strict=True):
        vectors = padded[some]
        systems = torch.baddbmm(systems, (vectors * confidences[:, :, None]).mT, vectors)
    factors, failures = torch.linalg.cholesky_ex(systems)
    return torch.cholesky_solve(targets[:, :, None], factors)[:, :, 0], bool(failures.any())
