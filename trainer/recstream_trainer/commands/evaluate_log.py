"""`recstream evaluate-log`: what a server's log says of the models that answered."""

import json
import shlex
import sys
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

if TYPE_CHECKING:
    import polars as pl

    from recstream.event_log_format import LogPlace
    from recstream_trainer.online.impressions import Impressions
    from recstream_trainer.online.off_policy import PolicyValue
    from recstream_trainer.online.online_metrics import OnlineMetrics
    from recstream_trainer.online.ratios import Estimate

# \b keeps the lines as they are.
_EPILOG = """\b
Examples:
  recstream evaluate-log --state state
  recstream evaluate-log --state state --window 1d --json rates.json --plot rates.png
  recstream evaluate-log --state state --target next.bundle --propensities propensities.csv
"""


class Reward(StrEnum):
    """What an impression is worth 1 for."""

    CLICK = "click"
    CONVERSION = "conversion"


def register(app: typer.Typer) -> None:
    """Add ``evaluate-log``."""
    app.command("evaluate-log", epilog=_EPILOG)(evaluate_log)


def evaluate_log(
    *,
    state: Annotated[Path, typer.Option(metavar="DIR", help="The --state folder of a server, which may be running.")],
    window: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Also by windows of time, such as 6h, 1d or 1w.")
    ] = None,
    impressions: Annotated[str, typer.Option(metavar="TYPE,...", help="Events that say an item was shown.")] = (
        "impression"
    ),
    clicks: Annotated[str, typer.Option(metavar="TYPE,...", help="Events that count as clicks.")] = "click",
    conversions: Annotated[str, typer.Option(metavar="TYPE,...", help="Events that count as conversions.")] = (
        "purchase"
    ),
    within: Annotated[
        float, typer.Option(min=0, metavar="HOURS", help="How long after an impression they count for it.")
    ] = 24.0,
    target: Annotated[
        Path | None, typer.Option(metavar="BUNDLE", help="Estimate what this bundle's lists would have been worth.")
    ] = None,
    reward: Annotated[Reward, typer.Option(help="What the target is valued by.")] = Reward.CLICK,
    propensities: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV or Parquet: event_id and propensity of impressions; by default the events' attribute propensity.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, metavar="N", help="Of the bootstrap intervals.")] = 1,
    json_file: Annotated[Path | None, typer.Option("--json", metavar="FILE", help="Write the figures there.")] = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the click rates there, as PNG.")] = None,
) -> None:
    """Tell click rate, conversion rate and AUC of each model from a server's log, by attribution token.

    With --target, also what another bundle would have been worth, by inverse propensity scoring: the log must say how
    likely each item was to be shown. docs/quality.md has the definitions and the assumptions.
    """
    # polars and matplotlib are slow to import, and other commands do without them.
    from recstream_trainer.online.impressions import Kinds, find_impressions  # noqa: PLC0415
    from recstream_trainer.online.logged_events import read_events  # noqa: PLC0415
    from recstream_trainer.online.online_metrics import metrics_by_model  # noqa: PLC0415
    from recstream_trainer.online.report import log_report, rate_plot  # noqa: PLC0415

    events, place = read_events(state)
    kinds = Kinds(_names(impressions), _names(clicks), _names(conversions), within * 3600)
    found = find_impressions(events, kinds)
    models = metrics_by_model(found, seed)
    windows = [] if window is None else metrics_by_model(found, seed, window)
    console = Console(highlight=False, markup=False, soft_wrap=True)
    _show(console, found, models, windows)
    value = None
    if target is not None:
        value = _value(target, found, events, place, propensities=propensities, reward=reward, seed=seed)
        _show_value(console, *value, reward)
    command = shlex.join(["recstream", *sys.argv[1:]])
    if json_file is not None:
        report = log_report(place, found, models, windows, value) | {"command": command}
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if plot is not None:
        plot.parent.mkdir(parents=True, exist_ok=True)
        plot.write_bytes(rate_plot(models, windows))


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _value(
    target: Path,
    found: "Impressions",
    events: "pl.DataFrame",
    place: "LogPlace",
    *,
    propensities: Path | None,
    reward: Reward,
    seed: int,
) -> "tuple[str, PolicyValue]":
    from recstream.bundle import load_bundle  # noqa: PLC0415
    from recstream_trainer.online.off_policy import policy_value  # noqa: PLC0415
    from recstream_trainer.online.propensities import with_propensities  # noqa: PLC0415
    from recstream_trainer.online.target_policy import not_trained_on, would_show  # noqa: PLC0415

    bundle = load_bundle(target)
    shown = not_trained_on(with_propensities(found.shown, propensities), bundle, place)
    rewards = shown["clicked" if reward is Reward.CLICK else "converted"].to_numpy().astype(float)
    value = policy_value(
        shown["person"].rank("dense").to_numpy().astype("int64"),
        shown["propensity"].to_numpy(),
        would_show(bundle, shown, events, place).astype(float),
        rewards,
        seed,
    )
    return f"{bundle.manifest.name} {bundle.manifest.version}", value


def _show(
    console: Console, found: "Impressions", models: "list[OnlineMetrics]", windows: "list[OnlineMetrics]"
) -> None:
    for metrics in models:
        console.print(
            f"{metrics.model} {metrics.version}: {metrics.impressions:,} impressions, {metrics.people:,} people, "
            f"{metrics.clicks:,} clicked, {metrics.conversions:,} converted"
        )
        _show_rates(console, "", metrics)
        for part in windows:
            if (part.model, part.version) == (metrics.model, metrics.version) and part.start_us is not None:
                _show_rates(console, f"{_moment(part.start_us)}: {part.impressions:,} impressions, ", part)
    without = int(found.shown["model"].is_null().sum())
    console.print(
        f"{len(found.shown):,} impressions, {without:,} without a server's token; without a known impression: "
        f"{found.unmatched_clicks:,} clicks, {found.unmatched_conversions:,} conversions. Brackets: 95% over people"
    )


def _show_rates(console: Console, what: str, metrics: "OnlineMetrics") -> None:
    console.print(
        f"  {what}CTR {_told(metrics.ctr)}, conversion rate {_told(metrics.conversion_rate)}, AUC {_told(metrics.auc)}"
    )


def _moment(microseconds: int) -> str:
    return f"{datetime.fromtimestamp(microseconds / 1e6, UTC):%Y-%m-%d %H:%M}"


def _show_value(console: Console, name: str, value: "PolicyValue", reward: Reward) -> None:
    rows: dict[str, Any] = {
        "as logged": value.logged,
        "IPS": value.ips,
        "self-normalised IPS": value.snips,
        "mean weight (1 if propensities hold)": value.mean_weight,
    }
    console.print(f"\n{name}: {reward.value}s an impression, had it chosen")
    for title, estimate in rows.items():
        console.print(f"{title:>38}  {_told(estimate)}")
    console.print(
        f"{value.impressions:,} impressions with a propensity, {value.matched:,} as the target would have shown; worth "
        f"{value.effective_sample_size:,.0f} of equal weight. It rests on assumptions: docs/quality.md, Off-policy"
    )
    if not value.mean_weight.low <= 1 <= value.mean_weight.high:
        console.print(
            "The mean weight is not 1: propensities are wrong, or the target shows what had no chance; do not trust it"
        )


def _told(estimate: "Estimate") -> str:
    if estimate.value != estimate.value:
        return "-"
    return f"{estimate.value:.4f} ({estimate.low:.4f}-{estimate.high:.4f})"
