"""Exact top-K here and elsewhere: who answers the same queries in what time. `python -m benchmarks.topk --help`."""
