"""recstream behind gRPC beside bare echo servers and servers that a person would write with faiss.

`python -m benchmarks.serving --help` says what can be measured, docs/performance.md what was.
"""
