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


def sampled_softmax_loss(
    logits: torch.Tensor, owners: torch.Tensor, targets: torch.Tensor, importance: torch.Tensor
) -> torch.Tensor:
    """Cross-entropy of each pair's target among the candidates, less the user's other targets; a weighted mean.

    Parameters
    ----------
    logits : float32 (B, C)
        Of the users and all candidates, corrected.
    owners, targets : int64 (P,)
        Row and column of each pair; a pair comes once.
    importance : float32 (P,)
        Weights, not all 0.
    """
    rivals = logits.index_put((owners, targets), logits.new_tensor(-torch.inf))
    wanted = logits[owners, targets]
    losses = torch.logaddexp(rivals.logsumexp(1)[owners], wanted) - wanted
    return (losses * importance).sum() / importance.sum()
