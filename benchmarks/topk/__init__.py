"""Exact top-K here and elsewhere: who answers the same queries in what time. `python -m benchmarks.topk --help`."""

from benchmarks.topk import blas

blas.load()  # before anything imports NumPy: a BLAS chooses its kernels when it is loaded
