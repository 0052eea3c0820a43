"""The figures of a log as JSON and as a plot."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from recstream.event_log_format import LogPlace
from recstream_trainer.evaluation.plots import INK, SECOND, figure_of, png_of
from recstream_trainer.online.impressions import Impressions
from recstream_trainer.online.off_policy import PolicyValue
from recstream_trainer.online.online_metrics import OnlineMetrics

_COLOURS = (INK, SECOND, "#5b8c5a", "#7a5195", "#8c564b", "#7f7f7f")


def log_report(
    place: LogPlace,
    impressions: Impressions,
    models: Sequence[OnlineMetrics],
    windows: Sequence[OnlineMetrics],
    value: tuple[str, PolicyValue] | None,
) -> dict[str, Any]:
    """All figures, JSON-ready.

    Parameters
    ----------
    value : (str, PolicyValue), optional
        Name of the target, and what it would have been worth.
    """
    report: dict[str, Any] = {
        "log": place._asdict(),
        "impressions": len(impressions.shown),
        "impressions_without_model": int(impressions.shown["model"].is_null().sum()),
        "clicks_without_impression": impressions.unmatched_clicks,
        "conversions_without_impression": impressions.unmatched_conversions,
        "models": [metrics.to_json() for metrics in models],
        "windows": [metrics.to_json() for metrics in windows],
    }
    if value is not None:
        report["off_policy"] = {"target": value[0], **value[1].to_json()}
    return report


def rate_plot(models: Sequence[OnlineMetrics], windows: Sequence[OnlineMetrics]) -> bytes:
    """Click rates with their intervals, as PNG: by window where there are any, else a bar for each model."""
    names = [(metrics.model, metrics.version) for metrics in models]
    figure, axes = figure_of("", "clicks an impression")
    for number, (model, version) in enumerate(names):
        mine = [metrics for metrics in windows or models if (metrics.model, metrics.version) == (model, version)]
        rates = np.array([metrics.ctr.value for metrics in mine])
        ends = np.array([[metrics.ctr.low, metrics.ctr.high] for metrics in mine])
        reach = np.maximum(np.stack([rates - ends[:, 0], ends[:, 1] - rates]), 0)
        places: list[Any] = [number] * len(mine)
        if windows:
            places = [datetime.fromtimestamp((metrics.start_us or 0) / 1e6, UTC) for metrics in mine]
        colour = _COLOURS[number % len(_COLOURS)]
        axes.errorbar(places, rates, yerr=reach, fmt="o-", capsize=3, color=colour, label=f"{model} {version}")
    if windows:
        figure.autofmt_xdate()
    else:
        axes.set_xticks([])
    axes.set_ylim(bottom=0)
    if names:
        axes.legend(frameon=False)
    return png_of(figure)
