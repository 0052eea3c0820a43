"""Pictures of a run: latency by percentile, and latency against throughput."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from recstream.errors import ConfigurationError
from recstream.load.progress import describe
from recstream.load.results import StageResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PERCENTILE_FILE: Final = "latency-by-percentile.png"
THROUGHPUT_FILE: Final = "throughput-latency.png"
_MOST_LINES: Final = 10


def require_matplotlib() -> None:
    """Refuse early, not after the run.

    Raises
    ------
    ConfigurationError
        matplotlib is not installed.
    """
    try:
        import matplotlib  # noqa: F401, ICN001, PLC0415 - optional
    except ModuleNotFoundError:
        raise ConfigurationError(
            "--plot: matplotlib is not installed; install it with pip install 'recstream[load]'"
        ) from None


def write_plots(results: Sequence[StageResult], folder: Path) -> list[Path]:
    """Draw the stages; the throughput-latency curve only when there are two at least.

    Returns
    -------
    list of Path
        The files written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    pictures = {PERCENTILE_FILE: _percentiles(results[-_MOST_LINES:])}
    if len(results) > 1:
        pictures[THROUGHPUT_FILE] = _throughput(results)
    for name, figure in pictures.items():
        figure.savefig(folder / name, dpi=120)
    return [folder / name for name in pictures]


def _percentiles(results: Sequence[StageResult]) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415 - optional

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    for result in results:
        histogram = result.histogram()
        # From the median to the last percentile that one call in the stage stands for.
        steps = [2.0**step for step in range(1, max(2, len(histogram).bit_length()))]
        values = histogram.percentiles_ms([100 - 100 / step for step in steps])
        axes.plot(steps, values, marker=".", label=describe(result.stage))
    axes.set_xscale("log")
    ticks = [2, 10, 100, 1000, 10_000, 100_000]
    axes.set_xticks(ticks, ["50%", "90%", "99%", "99.9%", "99.99%", "99.999%"])
    axes.set(xlabel="share of the calls", ylabel="latency, ms", title="Latency by percentile", yscale="log")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    return figure


def _throughput(results: Sequence[StageResult]) -> "Figure":
    from matplotlib.figure import Figure  # noqa: PLC0415 - optional

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot()
    ordered = sorted(results, key=lambda result: (result.stage.rate, result.stage.concurrency))
    for percentile in (50, 99, 99.9):
        values = [result.percentile_ms(percentile) for result in ordered]
        axes.plot([result.rate for result in ordered], values, marker="o", label=f"p{percentile:g}")
    axes.set(xlabel="answers a second", ylabel="latency, ms", title="Latency against throughput", yscale="log")
    axes.grid(visible=True, which="both", alpha=0.3)
    axes.legend()
    return figure
