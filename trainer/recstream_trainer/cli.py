"""The trainer's part of the `recstream` command."""

import typer

from recstream_trainer.commands import data, evaluate, train


def register(app: typer.Typer) -> None:
    """Add ``train``, ``data`` and ``evaluate``; none of them loads torch before it runs."""
    for command in (train, data, evaluate):
        command.register(app)
