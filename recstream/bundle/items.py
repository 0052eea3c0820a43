"""`items.arrow`: the attributes of the items, a column each.

polars aborts the whole process on some damaged Arrow files (it allocates a buffer that claims 2^62 bytes), and a right
checksum does not make a file well-formed. So a child process reads each file first: what kills the child is refused.
"""

import io
import os
import resource
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from recstream.bundle.manifest import ITEMS_FILE
from recstream.errors import BundleError, ConfigurationError

if TYPE_CHECKING:
    import polars as pl

_MAX_NAME_BYTES: Final = 128
_TRIAL: Final = "import sys; from recstream.bundle.items import trial; sys.exit(trial())"
_TRIAL_MEMORY_BYTES: Final = 4 << 30
_TRIAL_TIMEOUT_S: Final = 60.0


def read_items(data: memoryview, *, item_count: int) -> "pl.DataFrame":
    """Read `items.arrow`.

    Parameters
    ----------
    data : memoryview of bytes
        The whole file.
    item_count : int
        Rows that it must have.

    Raises
    ------
    BundleError
        Damaged, another number of rows, a column of a type that is not an attribute's, a float that is not finite.
    ConfigurationError
        polars is not installed.
    """
    try:
        import polars as pl  # noqa: PLC0415 - a client needs no polars
    except ModuleNotFoundError as error:
        if error.name != "polars":
            raise
        raise ConfigurationError("item attributes are read with polars; pip install 'recstream[server]'") from None
    _try_in_child(data)
    frame = pl.read_ipc(io.BytesIO(data))
    check_items(frame, item_count=item_count)
    return frame


def check_items(frame: "pl.DataFrame", *, item_count: int) -> None:
    """Refuse a frame that is not a column per attribute and a row per item."""
    import polars as pl  # noqa: PLC0415 - a client needs no polars

    if frame.height != item_count:
        raise BundleError(ITEMS_FILE, f"has {frame.height} rows, where the manifest says {item_count}")
    for name, column in frame.to_dict().items():
        if not 1 <= len(name.encode()) <= _MAX_NAME_BYTES:
            raise BundleError(ITEMS_FILE, f"has a column name of {len(name.encode())} bytes; must be 1 to 128")
        kind = column.dtype
        if not (kind in {pl.String, pl.Boolean, pl.List(pl.String)} or kind.is_integer() or kind.is_float()):
            raise BundleError(
                ITEMS_FILE, f"column {name!a} is {kind}; must be text, integer, float, boolean or list of text"
            )
        if kind.is_float() and not column.is_finite().all():
            raise BundleError(ITEMS_FILE, f"column {name!a} holds NaN or an infinity; leave such a value out (null)")


def _try_in_child(data: memoryview) -> None:
    search_path = os.pathsep.join(folder for folder in sys.path if folder)
    try:
        child = subprocess.run(  # noqa: S603 - our own interpreter and code
            [sys.executable, "-P", "-c", _TRIAL],
            input=data,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": search_path, "POLARS_MAX_THREADS": "1"},
            timeout=_TRIAL_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BundleError(ITEMS_FILE, f"is not read within {_TRIAL_TIMEOUT_S:.0f} s; export it again") from None
    if child.returncode != 0:
        problem = child.stdout.decode(errors="replace").strip() or "reading it fails"
        raise BundleError(ITEMS_FILE, f"is not an Arrow IPC file ({problem}); export it again")


def trial() -> int:
    """Read the file on the standard input and touch all of it; the child's whole life.

    Returns
    -------
    int
        Exit code, 0 when the file can be read; otherwise the reason is on the standard output.
    """
    import polars as pl  # noqa: PLC0415 - a client needs no polars

    data = sys.stdin.buffer.read()
    memory = _TRIAL_MEMORY_BYTES + 8 * len(data)
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        pl.read_ipc(io.BytesIO(data)).estimated_size()
    # PanicException does not derive from Exception.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        sys.stdout.write(str(error).partition("\n")[0][:120])
        return 1
    return 0
