"""The `recstream` command: subcommands come from the entry points of the group ``recstream.commands``.

An entry point is named for the extra that its commands need, and points to ``register(app)``. Importing it must be
cheap: a command imports what it needs when it runs.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import entry_points, version
from importlib.util import find_spec
from typing import Annotated, NoReturn, TypeAlias

import typer

from recstream.errors import RecstreamError

GROUP = "recstream.commands"
Register: TypeAlias = Callable[[typer.Typer], None]


def main() -> None:
    """Run the command line; an error of recstream becomes one line and exit code 1."""
    registers, missing = load_registers()
    app = build_app(registers.values(), epilog=f"More commands: {_install_hint(missing)}" if missing else None)
    name = next((argument for argument in sys.argv[1:] if not argument.startswith("-")), "")
    if missing and name and name not in _command_names(app):
        _fail(f"no command {name!r} is installed; {_install_hint(missing)}")
    try:
        app()
    except RecstreamError as error:
        _fail(str(error))
    except ModuleNotFoundError as error:
        module = missing_dependency(error)
        extra = next(
            (key for key, register in registers.items() if name in _command_names(build_app([register]))), None
        )
        if module is None or extra is None:
            raise
        _fail(f"`recstream {name}`: {_install_hint({extra: module})}")


def load_registers() -> tuple[Mapping[str, Register], Mapping[str, str]]:
    """Import what adds subcommands.

    Returns
    -------
    registers : extra -> function
    missing : extra -> module
        The extras that are left out, with the module that each lacks.

    Raises
    ------
    ImportError
        A module cannot be imported although all dependencies are installed.
    """
    registers: dict[str, Register] = {}
    missing: dict[str, str] = {}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        try:
            registers[entry.name] = entry.load()
        except ModuleNotFoundError as error:
            module = missing_dependency(error)
            if module is None:
                raise
            missing[entry.name] = module
    return registers, missing


def build_app(registers: Iterable[Register], *, epilog: str | None = None) -> typer.Typer:
    """Make the command line of some packages."""
    app = typer.Typer(
        name="recstream",
        help="Train, serve and query recommendations.",
        epilog=epilog,
        callback=_options,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # it would take [server] for markup, and costs 50 ms
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for register in registers:
        register(app)
    return app


def missing_dependency(error: ModuleNotFoundError) -> str | None:
    """Name the package that is not installed; None when the import failed for another reason, which is a defect."""
    package = (error.name or "").partition(".")[0]
    if not package or package.startswith("recstream") or find_spec(package) is not None:
        return None
    return package


def _command_names(app: typer.Typer) -> set[str]:
    return set(vars(typer.main.get_command(app))["commands"])


def _install_hint(missing: Mapping[str, str]) -> str:
    modules = ", ".join(sorted(set(missing.values())))
    return f"{modules} is not installed: pip install 'recstream[{','.join(sorted(missing))}]'"


def _fail(message: str) -> NoReturn:
    sys.stderr.write(f"error: {' '.join(message.splitlines())}\n")
    sys.exit(1)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"recstream {version('recstream')}")
        raise typer.Exit


def _options(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Train, serve and query recommendations."""
