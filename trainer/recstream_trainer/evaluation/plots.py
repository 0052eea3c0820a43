"""The plots of a report, as PNG images."""

from collections.abc import Mapping
from io import BytesIO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from recstream_trainer.evaluation.bootstrap import Interval
from recstream_trainer.evaluation.judged_model import CURVE_LENGTH, JudgedModel
from recstream_trainer.evaluation.metrics import per_user_metrics

INK, SECOND, _THIRD = "#1f4e79", "#d1793b", "#5b8c5a"
_GROUPS = 10


def metric_curves(judged: JudgedModel) -> bytes:
    """HR, NDCG and recall by the length of the list."""
    lengths = range(1, CURVE_LENGTH + 1)
    means = [{name: values.mean() for name, values in per_user_metrics(judged.rankings, k).items()} for k in lengths]
    figure, axes = figure_of("length of the list, k", "mean over users")
    for name, colour in (("hr", _THIRD), ("ndcg", INK), ("recall", SECOND)):
        axes.plot(lengths, [at_k[name] for at_k in means], color=colour, label=f"{name}@k")
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return png_of(figure)


def user_distribution(judged: JudgedModel) -> bytes:
    """How many users get an NDCG@10 of how much."""
    ndcg = per_user_metrics(judged.rankings, 10)["ndcg"]
    figure, axes = figure_of("NDCG@10 of a user", "share of users")
    axes.hist(ndcg, bins=20, range=(0, 1), weights=np.full(len(ndcg), 1 / len(ndcg)), color=INK)
    axes.axvline(float(ndcg.mean()), color=SECOND, label=f"mean {ndcg.mean():.3f}")
    axes.legend(frameon=False)
    return png_of(figure)


def popularity_shares(judged: JudgedModel) -> bytes:
    """Which tenths of the catalogue the interactions go to, and which the recommendations."""
    tenth = np.empty(len(judged.popularity), dtype=np.int64)
    tenth[np.argsort(-judged.popularity, kind="stable")] = np.arange(len(tenth)) * _GROUPS // len(tenth)
    lists = judged.rankings.items[:, :10]
    recommended = np.bincount(tenth[lists[lists >= 0]], minlength=_GROUPS)
    interactions = np.bincount(tenth, weights=judged.popularity, minlength=_GROUPS)
    figure, axes = figure_of("tenth of the catalogue, most popular first", "share")
    places = np.arange(1, _GROUPS + 1)
    axes.bar(places - 0.2, interactions / interactions.sum(), 0.4, color=SECOND, label="interactions of the data")
    axes.bar(places + 0.2, recommended / recommended.sum(), 0.4, color=INK, label="places in the lists of ten")
    axes.set_xticks(places)
    axes.legend(frameon=False)
    return png_of(figure)


def history_lengths(judged: JudgedModel) -> bytes:
    """Mean NDCG@10 by the number of items that a user had before, in up to ten groups of about as many users."""
    lengths = judged.split.before_test.counts[judged.rankings.users]
    ndcg = per_user_metrics(judged.rankings, 10)["ndcg"]
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, _GROUPS + 1)))
    group = np.searchsorted(edges[1:-1], lengths, side="right")
    users = np.bincount(group)
    labels = [f"{lengths[group == g].min()}-{lengths[group == g].max()}" if n else "" for g, n in enumerate(users)]
    figure, axes = figure_of("items that the user had before", "mean NDCG@10")
    means = np.bincount(group, weights=ndcg) / np.maximum(users, 1)
    axes.bar(np.arange(len(users)), means, color=INK)
    axes.set_xticks(np.arange(len(users)), labels, rotation=30, ha="right")
    return png_of(figure)


def interval_bars(bars: Mapping[str, tuple[float, Interval]], across: str) -> bytes:
    """A bar for each name, the first on top, with its interval."""
    figure, axes = figure_of(across, "")
    places = np.arange(len(bars))
    means = np.array([mean for mean, _ in bars.values()])
    ends = np.array([interval for _, interval in bars.values()])
    reach = np.maximum(np.stack([means - ends[:, 0], ends[:, 1] - means]), 0)
    axes.barh(places, means, xerr=reach, color=INK, error_kw={"ecolor": SECOND, "capsize": 3})
    axes.set_yticks(places, list(bars))
    axes.invert_yaxis()
    return png_of(figure)


def figure_of(across: str, up: str) -> tuple[Figure, Axes]:
    """A figure with one pair of axes, and what they show."""
    figure = Figure(figsize=(7, 3.5), layout="constrained")
    axes = figure.subplots()
    axes.set_xlabel(across)
    axes.set_ylabel(up)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def png_of(figure: Figure) -> bytes:
    """The figure as a PNG image."""
    file = BytesIO()
    figure.savefig(file, format="png", dpi=100)
    return file.getvalue()
