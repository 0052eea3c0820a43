"""The `recstream` command."""


def main() -> None: ...
