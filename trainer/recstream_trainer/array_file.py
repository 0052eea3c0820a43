"""Arrays and JSON in one .npz file: uncompressed, without pickle."""

import json
import zipfile
from collections.abc import Mapping
from typing import IO, Any, Final

import numpy as np
from numpy.typing import NDArray

_FACTS: Final = "meta"


class DamagedArrayFileError(ValueError):
    """Not a file that `write_arrays` wrote."""


def write_arrays(file: IO[bytes], facts: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
    """Write arrays by name, and JSON-ready facts about them; equal content makes equal bytes.

    Parameters
    ----------
    arrays : mapping
        Of numbers or booleans; none is called ``meta``.
    """
    meta = np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8)
    np.savez(file, allow_pickle=False, **arrays, **{_FACTS: meta})


def read_arrays(file: IO[bytes]) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Facts and arrays of a file that can be sought in; what is read takes no more memory than the file is long.

    Raises
    ------
    DamagedArrayFileError
    """
    try:
        with zipfile.ZipFile(file) as archive:
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise ValueError("compressed")  # noqa: TRY301
        file.seek(0)
        with np.load(file, allow_pickle=False) as archive:
            arrays = {name: archive[name] for name in archive.files}
        facts = json.loads(arrays.pop(_FACTS).tobytes())
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile, NotImplementedError) as error:
        raise DamagedArrayFileError(type(error).__name__) from None
    if not isinstance(facts, dict):
        raise DamagedArrayFileError("facts that are no object")
    return facts, arrays
