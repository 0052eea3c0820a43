"""The trainer's part of the `recstream` command."""

import typer

from recstream_trainer.commands import data, evaluate, leaderboard, train, transfer


def register(app: typer.Typer) -> None:
    """Add ``train``, ``data``, ``evaluate``, ``leaderboard`` and ``transfer``; none loads torch before it runs."""
    for command in (train, data, evaluate, leaderboard, transfer):
        command.register(app)
