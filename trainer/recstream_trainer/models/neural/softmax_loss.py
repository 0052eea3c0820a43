"""Cross-entropy over the whole catalogue, without ever holding all its logits."""

from typing import Any, Final

import torch
from torch.autograd import Function

_CHUNK: Final = 256
"""Positions whose logits are held at a time: with 3,400 items they stay in a core's share of the cache."""
_SMALLEST: Final = torch.finfo(torch.float32).tiny


def full_softmax_loss(
    hidden: torch.Tensor, items: torch.Tensor, targets: torch.Tensor, dtype: torch.dtype = torch.float32
) -> torch.Tensor:
    """Mean cross-entropy of the targets under ``softmax(hidden @ items.T)``.

    The gradient is made together with the loss, chunk by chunk, as the probabilities are at hand then: memory is
    O(chunk x N) in place of O(n x N), and nothing is computed twice.

    Parameters
    ----------
    hidden : float32 (n, d)
    items : float32 (N, d)
    targets : int64 (n,)
        Item rows.
    dtype : torch.dtype
        In which products are taken; sums and exponentials are float32.

    Returns
    -------
    float32 scalar
        In nats.
    """
    loss: torch.Tensor = _FullSoftmaxLoss.apply(hidden, items, targets, dtype)  # type: ignore[no-untyped-call]
    return loss


class _FullSoftmaxLoss(Function):
    @staticmethod
    def forward(
        ctx: Any, hidden: torch.Tensor, items: torch.Tensor, targets: torch.Tensor, dtype: torch.dtype
    ) -> torch.Tensor:
        narrow_items, narrow_hidden = items.to(dtype), hidden.to(dtype)
        hidden_gradient = torch.empty_like(hidden)
        items_gradient = torch.zeros_like(items)
        total = hidden.new_zeros(())
        for start in range(0, len(hidden), _CHUNK):
            part = slice(start, start + _CHUNK)
            logits = (narrow_hidden[part] @ narrow_items.T).float()
            wanted = targets[part, None]
            errors = torch.softmax(logits, 1)
            total -= errors.gather(1, wanted).clamp(min=_SMALLEST).log().sum()
            errors.scatter_add_(1, wanted, errors.new_full(wanted.shape, -1.0))
            narrow_errors = errors.to(dtype)
            hidden_gradient[part] = narrow_errors @ narrow_items
            items_gradient += narrow_errors.T @ narrow_hidden[part]
        ctx.save_for_backward(hidden_gradient, items_gradient)
        ctx.count = len(hidden)
        return total / len(hidden)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, None, None]:
        hidden_gradient, items_gradient = ctx.saved_tensors
        factor = gradient / ctx.count
        return hidden_gradient * factor, items_gradient * factor, None, None
