"""What importing ONNX Runtime brings into a process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

COUNT = "import recstream, onnxruntime, os; print(len(os.listdir('/proc/self/task')))"


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="threads are counted as Linux shows them")
def test_it_starts_no_thread_that_sends_usage_data() -> None:
    kept = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
    # NumPy's library of linear algebra has a thread a processor.
    environment = kept | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == "1"
