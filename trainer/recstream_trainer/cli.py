"""The trainer's part of the `recstream` command."""

import typer

from recstream_trainer.commands import data, evaluate, evaluate_log, leaderboard, train


def register(app: typer.Typer) -> None:
    """Add ``train``, ``data``, ``evaluate``, ``evaluate-log`` and ``leaderboard``; none loads torch before it runs."""
    for command in (train, data, evaluate, evaluate_log, leaderboard):
        command.register(app)
