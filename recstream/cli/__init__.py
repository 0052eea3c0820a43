"""The `recstream` command."""


def main() -> None:
    """Run the command line."""
