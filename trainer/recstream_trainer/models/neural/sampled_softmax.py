"""Softmax over a sample of the items, corrected for how the sample was drawn."""

import torch


def log_shares(counts: torch.Tensor, all_counts: torch.Tensor, in_batch: int, uniform: int) -> torch.Tensor:
    """Logarithm of how often each candidate is expected in the sample, per draw (Yi et al. 2019, Yang et al. 2020).

    Parameters
    ----------
    counts : int64 (C,)
        Interactions of each candidate; above 0.
    all_counts : int64 (N,)
        Of all items; evenly drawn are those above 0.
    in_batch, uniform : int
        How many of the draws are items of the batch's users, which come as often as they are had, and how many are
        even.

    Returns
    -------
    float32 (C,)
    """
    there = (all_counts > 0).sum()
    shares = (in_batch * counts / all_counts.sum() + uniform / there) / (in_batch + uniform)
    return shares.float().log()


def columns_of(candidates: torch.Tensor, items: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Where items are among the candidates.

    Parameters
    ----------
    candidates : int64 (C,)
        Ascending.
    items : int64 (n,)

    Returns
    -------
    columns : int64 (m,)
    there : bool (n,)
        The m items that are candidates.
    """
    columns = torch.searchsorted(candidates, items).clamp(max=len(candidates) - 1)
    there = candidates[columns] == items
    return columns[there], there


def sampled_softmax_loss(
    logits: torch.Tensor,
    owners: torch.Tensor,
    targets: torch.Tensor,
    importance: torch.Tensor,
    had: tuple[torch.Tensor, torch.Tensor],
) -> torch.Tensor:
    """Cross-entropy of each pair's target among the candidates, less what the user has besides; a weighted mean.

    Items that are read are no rivals either: a user's vector is made of theirs, and would be pushed away from itself.

    Parameters
    ----------
    logits : float32 (B, C)
        Of the users and all candidates, corrected.
    owners, targets : int64 (P,)
        Row and column of each pair; a pair comes once.
    importance : float32 (P,)
        Weights, not all 0.
    had : (int64 (H,), int64 (H,))
        Rows and columns of all that the users have, targets among them.
    """
    rivals = logits.index_put(had, logits.new_tensor(-torch.inf))
    wanted = logits[owners, targets]
    losses = torch.logaddexp(rivals.logsumexp(1)[owners], wanted) - wanted
    return (losses * importance).sum() / importance.sum()
