import gc
import subprocess
import sys

SCRIPT = """
import gc, sys
from recstream_server.interpreter import settle
kept = [[number] for number in range(50_000)]
settle()
print(gc.get_freeze_count() >= 50_000, any(one is kept for one in gc.get_objects()), sys.getswitchinterval())
"""


def test_what_was_loaded_is_not_collected_again() -> None:
    told = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["True", "False", "0.001"]
    assert gc.get_freeze_count() == 0
