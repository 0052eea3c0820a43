"""`items.arrow`: the attributes of the items, a column each."""

import io
from typing import TYPE_CHECKING

from recstream.bundle.manifest import ITEMS_FILE
from recstream.errors import BundleError, ConfigurationError

if TYPE_CHECKING:
    import polars as pl

_MAX_NAME_BYTES = 128


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
    try:
        frame = pl.read_ipc(io.BytesIO(data))
    # PanicException, which Arrow's reader raises for some damaged files, does not derive from Exception.
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
        problem = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise BundleError(ITEMS_FILE, f"is not an Arrow IPC file ({problem}); export it again") from None
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
