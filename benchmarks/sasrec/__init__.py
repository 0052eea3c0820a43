"""An epoch of SASRec here and in RecTools. `python -m benchmarks.sasrec --help`."""
