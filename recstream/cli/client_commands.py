"""Subcommands that talk to a server."""

import typer


def register(app: typer.Typer) -> None:
    """Add the subcommands."""
