"""How the interpreter of a serving process shares its time between calls, the event writer and the collector."""

import contextlib
import gc
import sys
import threading
from pathlib import Path
from typing import Final

SWITCH_S: Final = 0.001
"""A thread that asks for the interpreter gets it after so long at most. With Python's 5 ms, the writer can wait for
that behind a busy event loop at the start of every commit and at its end. What it gains is not settled: on a busy
machine the p99 of acknowledgements fell from 34 to about 20 ms in one comparison, and did not change in two others."""
YOUNG_OBJECTS: Final = 10_000
"""Between two looks at new objects: a call makes hundreds, few of them in cycles."""


def settle() -> None:
    """Call it when everything is loaded: what lives now lives to the end, and the collector need not look at it again.

    A full collection of a server's objects takes tens of milliseconds, in which nobody is answered.
    """
    _name_threads()
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
    sys.setswitchinterval(SWITCH_S)


def _name_threads() -> None:
    """For top, perf and /proc, where Linux cuts a name to 15 bytes."""
    for thread in threading.enumerate():
        if thread is not threading.main_thread():
            with contextlib.suppress(OSError):
                Path(f"/proc/self/task/{thread.native_id}/comm").write_text(thread.name[:15])
