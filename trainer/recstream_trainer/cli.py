"""The trainer's part of the `recstream` command."""

import typer

from recstream_trainer.commands import data, evaluate, leaderboard, train


def register(app: typer.Typer) -> None:
    """Add ``train``, ``data``, ``evaluate`` and ``leaderboard``; none of them loads torch before it runs."""
    for command in (train, data, evaluate, leaderboard):
        command.register(app)
