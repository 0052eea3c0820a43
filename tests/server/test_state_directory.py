import subprocess
import sys
from pathlib import Path

import pytest
from recstream_server.state_directory import StateDirectory

from recstream.errors import ConfigurationError

HOLDER = """
import sys, time
from pathlib import Path
from recstream_server.state_directory import StateDirectory
directory = StateDirectory(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_makes_a_folder_for_its_owner_only(tmp_path: Path) -> None:
    directory = StateDirectory(tmp_path / "a" / "state")
    assert directory.path.stat().st_mode & 0o777 == 0o700
    assert (directory.path / "lock").stat().st_mode & 0o777 == 0o600
    assert directory.events_file == directory.path / "events.db"
    directory.close()


def test_a_second_server_is_told_who_holds_the_folder_until_that_one_ends(tmp_path: Path) -> None:
    path = tmp_path / "state"
    with subprocess.Popen([sys.executable, "-c", HOLDER, path], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(ConfigurationError) as refusal:
            StateDirectory(path)
        holder.kill()
    message = str(refusal.value)
    assert str(path) in message
    assert f"process {holder.pid}" in message
    assert "stop it, or name another folder" in message
    StateDirectory(path).close()


def test_lets_go_when_closed(tmp_path: Path) -> None:
    first = StateDirectory(tmp_path)
    first.close()
    first.close()
    StateDirectory(tmp_path).close()


def test_a_file_in_place_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state").touch()
    with pytest.raises(ConfigurationError, match="state: File exists; name a folder"):
        StateDirectory(tmp_path / "state")
