"""What a bundle has in place of vectors when it retrieves by neighbours."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from recstream.bundle import manifest as manifests
from recstream.bundle.encoder import Encoder, ItemNeighbours, UserNeighbours
from recstream.bundle.ids import check_pointers
from recstream.bundle.manifest import Manifest
from recstream.errors import BundleError


@dataclass(frozen=True, eq=False)
class Neighbours:
    """A sparse matrix by rows (CSR): how like each other items are, or what users are recognised by.

    Attributes
    ----------
    indptr : int64 (R + 1,)
        Row r is entries ``indptr[r]`` to ``indptr[r + 1]`` of the next two. R is N for item neighbours, U for users.
    rows : int32 (n,)
        Item rows.
    weights : float32 (n,)
    """

    indptr: NDArray[np.int64]
    rows: NDArray[np.int32]
    weights: NDArray[np.float32]


def check_neighbours(neighbours: Neighbours | None, encoder: Encoder, manifest: Manifest) -> None:
    """Refuse a matrix that does not fit the encoder, or the other way round.

    Raises
    ------
    BundleError
        Names the file.
    """
    if (neighbours is not None) != isinstance(encoder, ItemNeighbours | UserNeighbours):
        raise BundleError(
            manifests.ENCODER_FILE, f'has a kind that "retrieval" {manifest.retrieval} does not use; export it again'
        )
    if neighbours is None:
        return
    check_entries("neighbours", neighbours.indptr, neighbours.rows, neighbours.weights, manifest.item_count)
    wanted = manifest.item_count if isinstance(encoder, ItemNeighbours) else manifest.user_count
    if len(neighbours.indptr) != wanted + 1:
        raise BundleError(
            manifests.NEIGHBOUR_FILES[0], f"has {len(neighbours.indptr)} pointers; must have {wanted + 1}"
        )


def check_entries(
    stem: str, indptr: NDArray[np.int64], rows: NDArray[np.int32], weights: NDArray[np.float32], item_count: int
) -> None:
    """Refuse item rows and weights that their pointers do not fit, or rows outside the catalogue.

    Parameters
    ----------
    stem : str
        What the names of the three files begin with.

    Raises
    ------
    BundleError
        Names the file.
    """
    check_pointers(f"{stem}.indptr.npy", indptr, len(rows), f"rows in {stem}.rows.npy")
    if len(weights) != len(rows):
        raise BundleError(f"{stem}.weights.npy", f"has {len(weights)} weights for {len(rows)} rows")
    if len(rows) and (rows.min() < 0 or rows.max() >= item_count):
        raise BundleError(
            f"{stem}.rows.npy", f"holds rows from {rows.min()} to {rows.max()}; must be 0 to {item_count - 1}"
        )
