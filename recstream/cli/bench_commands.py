"""The subcommand that runs the benchmarks of a source checkout; an installed package has none."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

import recstream
from recstream.errors import RecstreamError

_PASSED_ON = {"allow_extra_args": True, "allow_interspersed_args": False}
NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="The benchmark; without it, list them.")]


def register(app: typer.Typer) -> None:
    """Add the subcommand."""
    app.command(context_settings=_PASSED_ON, epilog="Example: recstream bench topk --quick")(bench)


def bench(context: typer.Context, name: NameArgument = "") -> None:
    """Run a benchmark of the source checkout; everything after NAME is for it, --help too."""
    root = Path(recstream.__file__).parents[1]
    names = benchmark_names(root / "benchmarks")
    if not names:
        raise RecstreamError(
            "the benchmarks are in the source checkout, not in the package; install it with `make setup`"
        )
    if not name:
        typer.echo("\n".join(names))
        return
    if name not in names:
        raise RecstreamError(f"no benchmark {name!r}; there are {', '.join(names)}")
    command = [sys.executable, "-m", f"benchmarks.{name}", *context.args]
    path = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    done = subprocess.run(command, env=os.environ | {"PYTHONPATH": path}, check=False)  # noqa: S603  # our own modules
    raise typer.Exit(done.returncode)


def benchmark_names(folder: Path) -> list[str]:
    """Modules and packages of the folder that can be run."""
    modules = [path.stem for path in folder.glob("*.py")]
    return sorted([*modules, *(path.parent.name for path in folder.glob("*/__main__.py"))])
