"""Server processes: started on their core, looked at from outside, stopped."""

import os
import re
import select
import subprocess
import time
from pathlib import Path
from typing import Self

from benchmarks.serving.programs import WORK

SERVER_CORES, LOAD_CORES = "0", "1"
START_S, STOP_S = 120.0, 30.0


class StartError(Exception):
    """A server did not come up, and what it said."""


class ServerProcess:
    """A server; use it as a context.

    Parameters
    ----------
    command : list of str
    cores : str
        As `taskset` takes them.
    environment : name -> value
        Beside that of this process.
    start_s, stop_s : float
        Time to say that it is ready, and to end; then it is killed.

    Attributes
    ----------
    port : int
    """

    def __init__(
        self,
        command: list[str],
        *,
        cores: str = SERVER_CORES,
        environment: dict[str, str] | None = None,
        start_s: float = START_S,
        stop_s: float = STOP_S,
    ) -> None:
        self._start_s, self._stop_s = start_s, stop_s
        self._log = WORK / "server.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["taskset", "-c", cores, *command],
                stdout=subprocess.PIPE,
                stderr=log,
                env=os.environ | {"OMP_NUM_THREADS": "1"} | (environment or {}),
            )
        try:
            self.port = self._announced_port()
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def target(self) -> str:
        return f"127.0.0.1:{self.port}"

    def rss_mib(self) -> float:
        text = Path(f"/proc/{self.pid}/status").read_text()
        return int(text.partition("VmRSS:")[2].split()[0]) / 1024

    def log(self) -> str:
        """What it has said on standard error."""
        return self._log.read_text(errors="replace")

    def cpu_s(self) -> float:
        """Processor time of all its threads so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def stop(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(self._stop_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()

    def _announced_port(self) -> int:
        """From the first line that names an address; whatever stands before it is none of ours."""
        assert self._process.stdout is not None
        output, until = b"", time.monotonic() + self._start_s
        while (left := until - time.monotonic()) > 0:
            readable, _, _ = select.select([self._process.stdout], [], [], left)
            chunk = os.read(self._process.stdout.fileno(), 65536) if readable else b""
            if not chunk:
                break
            output += chunk
            found = re.search(rb"127\.0\.0\.1:(\d+).*\n", output)
            if found:
                return int(found[1])
        said = (output.decode(errors="replace") + self.log()).strip()
        raise StartError(said[-500:] or f"said nothing within {self._start_s:g} s")
