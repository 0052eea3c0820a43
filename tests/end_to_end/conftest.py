"""A real server in its own process, and models of real people."""

import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

READY = re.compile(r"\bon (\S+:\d+)$")
RECSTREAM = Path(sys.executable).with_name("recstream")


@dataclass
class ServerProcess:
    """A running `recstream serve`."""

    process: subprocess.Popen[str]
    target: str

    def channel(self) -> grpc.Channel:
        """A fresh connection; the caller closes it."""
        return grpc.insecure_channel(self.target, options=[("grpc.use_local_subchannel_pool", 1)])

    def kill(self) -> None:
        """End the process as a crash would."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(30)

    def terminate(self) -> int:
        """Drain, and tell the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


StartServer = Callable[..., ServerProcess]


@pytest.fixture
def start_server(tmp_path: Path) -> Iterator[StartServer]:
    """Start servers; all of them are gone when the test ends, and none has logged an unexpected error."""
    started: list[tuple[ServerProcess, Path]] = []

    def start(
        bundle: Path, state: Path, *arguments: str, config: str = "", listen: str = "127.0.0.1:0"
    ) -> ServerProcess:
        command = [str(RECSTREAM), "serve", "--bundle", str(bundle), "--state", str(state), "--listen", listen]
        if config:
            config_file = tmp_path / f"config-{len(started)}.toml"
            config_file.write_text(config)
            command += ["--config", str(config_file)]
        log = tmp_path / f"server-{len(started)}.log"
        with log.open("w") as stderr:
            process = subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE, stderr=stderr, text=True)
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        ready = READY.search(line)
        if ready is None:
            process.wait(30)
            pytest.fail(f"the server did not start: {line!r}\n{log.read_text()}")
        server = ServerProcess(process, ready.group(1))
        started.append((server, log))
        return server

    yield start
    for server, _ in started:
        if server.process.poll() is None:
            server.kill()
        assert server.process.stdout is not None
        server.process.stdout.close()
    logs = "".join(log.read_text() for _, log in started)
    assert "Traceback" not in logs, logs


@pytest.fixture(scope="session")
def ml1m(train: Callable[..., Path]) -> Path:
    """A small ALS model of MovieLens 1M."""
    return train("--model", "als", "--data", "ml-1m", "--quick")


@pytest.fixture(scope="session")
def ml100k(train: Callable[..., Path]) -> Path:
    """A small ALS model of MovieLens 100k."""
    return train("--model", "als", "--data", "ml-100k", "--quick")
