"""The trainer's part of the `recstream` command."""

import typer

from recstream_trainer.commands import data, evaluate, evaluate_log, leaderboard, train, transfer


def register(app: typer.Typer) -> None:
    """Add the trainer's commands; none loads torch before it runs."""
    for command in (train, data, evaluate, evaluate_log, leaderboard, transfer):
        command.register(app)
