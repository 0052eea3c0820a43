"""Loads every BLAS with the kernels that are best on this machine, whatever the environment says.

faiss-cpu 1.15 ships OpenBLAS 0.3.15, which takes a Zen 5 for a Barcelona and multiplies matrices with SSE2: batches
then take 2.5 times as long (1.15.1, 300,000 x 64, 32 queries: 67 ms, and 27 ms with AVX-512). So it is told what the
newer one of NumPy finds. No peer is slower for it.
"""

import os

SETTINGS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")


def load() -> None:
    for setting in SETTINGS:
        os.environ.pop(setting, None)
    import numpy as np  # noqa: F401, PLC0415  # loads its OpenBLAS

    detected = kernels().get("numpy")
    if detected:
        os.environ["OPENBLAS_CORETYPE"] = detected
    import faiss  # noqa: F401, PLC0415  # loads its own

    os.environ.pop("OPENBLAS_CORETYPE", None)


def kernels() -> dict[str, str]:
    """Processor that each loaded BLAS has kernels for, by the package that ships it."""
    from threadpoolctl import threadpool_info  # noqa: PLC0415

    return {
        library["filepath"].split("/")[-2].partition(".")[0]: library["architecture"]
        for library in threadpool_info()
        if library["user_api"] == "blas" and "architecture" in library
    }
