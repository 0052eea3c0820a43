"""A manifest is not believed, whether or not its checksum is right."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recstream.bundle import FileEntry
from recstream.bundle.manifest import version_of
from recstream.errors import BundleError

Change = Callable[[dict[str, Any]], object]
Reseal = Callable[..., None]
Refusal = Callable[[Path], BundleError]


def encoder_entry(**lies: Any) -> Change:
    """Lie about a file, with the version that follows."""

    def change(manifest: dict[str, Any]) -> None:
        manifest["files"]["encoder.json"].update(lies)
        manifest["version"] = version_of({name: FileEntry(**entry) for name, entry in manifest["files"].items()})

    return change


MANIFEST_LIES: dict[str, tuple[str, Change]] = {
    "more items": ("item_", lambda m: m.update(item_count=21)),
    "fewer items": ("item_", lambda m: m.update(item_count=19)),
    "no items": ("manifest.json", lambda m: m.update(item_count=0)),
    "giant item count": ("item_", lambda m: m.update(item_count=2**31 - 1)),
    "item count beyond int32": ("manifest.json", lambda m: m.update(item_count=2**31)),
    "absurd item count": ("manifest.json", lambda m: m.update(item_count=10**400)),
    "count as text": ("manifest.json", lambda m: m.update(item_count="20")),
    "count as float": ("manifest.json", lambda m: m.update(item_count=20.0)),
    "count as boolean": ("manifest.json", lambda m: m.update(user_count=True)),
    "negative count": ("manifest.json", lambda m: m.update(user_count=-1)),
    "more users": ("user_", lambda m: m.update(user_count=8)),
    "dimension 0": ("manifest.json", lambda m: m.update(dimension=0)),
    "dimension too large": ("manifest.json", lambda m: m.update(dimension=2049)),
    "another dimension": ("item_vectors.npy", lambda m: m.update(dimension=2)),
    "newer format": ("manifest.json", lambda m: m.update(format_version=2)),
    "format version 0": ("manifest.json", lambda m: m.update(format_version=0)),
    "another format": ("manifest.json", lambda m: m.update(format="zip")),
    "another retrieval": ("manifest.json", lambda m: m.update(retrieval="neighbours")),
    "another version": ("manifest.json", lambda m: m.update(version="0" * 12)),
    "version as a number": ("manifest.json", lambda m: m.update(version=1)),
    "name with a path": ("manifest.json", lambda m: m.update(name="../tiny")),
    "empty name": ("manifest.json", lambda m: m.update(name="")),
    "long name": ("manifest.json", lambda m: m.update(name="a" * 65)),
    "family in capitals": ("manifest.json", lambda m: m.update(family="ALS")),
    "time without zone": ("manifest.json", lambda m: m.update(created_at="2026-11-22T12:00:00")),
    "no such day": ("manifest.json", lambda m: m.update(created_at="2026-02-30T12:00:00Z")),
    "unknown key": ("manifest.json", lambda m: m.update(pickle="yes")),
    "missing key": ("manifest.json", lambda m: m.pop("family")),
    "metric as text": ("manifest.json", lambda m: m["metrics"].update(x="0.5")),
    "metric NaN": ("manifest.json", lambda m: m["metrics"].update(x=float("nan"))),
    "metric infinite": ("manifest.json", lambda m: m["metrics"].update(x=float("inf"))),
    "metric beyond float64": ("manifest.json", lambda m: m["metrics"].update(x=10**400)),
    "metrics as list": ("manifest.json", lambda m: m.update(metrics=[])),
    "seed as text": ("manifest.json", lambda m: m["training"].update(seed="1")),
    "config as list": ("manifest.json", lambda m: m["training"].update(config=[])),
    "protocol as number": ("manifest.json", lambda m: m["training"].update(protocol=1)),
    "fingerprint too short": ("manifest.json", lambda m: m["data"].update(fingerprint="ab")),
    "negative interactions": ("manifest.json", lambda m: m["data"].update(interactions=-1)),
    "log without version": ("manifest.json", lambda m: m["data"].update(log={"log_id": "0" * 32})),
    "log with a long id": ("manifest.json", lambda m: m["data"].update(log={"log_id": "0" * 33, "version": 1})),
    "log with a negative version": (
        "manifest.json",
        lambda m: m["data"].update(log={"log_id": "0" * 32, "version": -1}),
    ),
    "log that is no object": ("manifest.json", lambda m: m["data"].update(log=None)),
    "data without name": ("manifest.json", lambda m: m["data"].pop("name")),
    "files as list": ("manifest.json", lambda m: m.update(files=[])),
    "a model file unnamed": ("manifest.json", lambda m: m["files"].pop("item_vectors.npy")),
    "a further file unnamed": ("evaluation.json", lambda m: m["files"].pop("evaluation.json")),
    "a file that is not there": ("x.txt", lambda m: m["files"].update({"x.txt": m["files"]["encoder.json"]})),
    "a file above": ("manifest.json", lambda m: m["files"].update({"../x": m["files"]["encoder.json"]})),
    "an absolute file": ("manifest.json", lambda m: m["files"].update({"/etc/passwd": m["files"]["encoder.json"]})),
    "the folder itself": ("manifest.json", lambda m: m["files"].update({".": m["files"]["encoder.json"]})),
    "the manifest itself": (
        "manifest.json",
        lambda m: m["files"].update({"manifest.json": m["files"]["encoder.json"]}),
    ),
    "a name with NUL": ("manifest.json", lambda m: m["files"].update({"a\0b": m["files"]["encoder.json"]})),
    "an entry that is a number": ("manifest.json", lambda m: m["files"].update({"encoder.json": 1})),
    "an entry without checksum": ("manifest.json", lambda m: m["files"]["encoder.json"].pop("sha256")),
    "an entry with more keys": ("manifest.json", lambda m: m["files"]["encoder.json"].update(mode=7)),
    "a giant size": ("encoder.json", encoder_entry(bytes=2**62)),
    "a negative size": ("manifest.json", lambda m: m["files"]["encoder.json"].update(bytes=-1)),
    "a size of zero": ("encoder.json", encoder_entry(bytes=0)),
    "a wrong checksum": ("encoder.json", encoder_entry(sha256="0" * 64)),
    "a checksum in capitals": ("manifest.json", lambda m: m["files"]["encoder.json"].update(sha256="A" * 64)),
    "too many further files": (
        "manifest.json",
        lambda m: m["files"].update({f"x{i}": m["files"]["encoder.json"] for i in range(64)}),
    ),
    "further files too large": ("manifest.json", lambda m: m["files"]["evaluation.json"].update(bytes=(64 << 20) + 1)),
}


@pytest.mark.parametrize("lie", MANIFEST_LIES)
def test_a_lying_manifest_is_refused(bundle_folder: Path, reseal: Reseal, lie: str, refusal: Refusal) -> None:
    file, change = MANIFEST_LIES[lie]

    reseal(bundle_folder, change)
    assert refusal(bundle_folder).file.startswith(file)


@pytest.mark.parametrize(
    "text",
    [b"", b"null", b"{}", b"[" * 100_000, b'{"format": "recstream-bundle"}', b"\xff\xfe{\0}\0", b" " * ((4 << 20) + 1)],
    ids=["empty", "null", "no keys", "deep", "one key", "UTF-16", "too large"],
)
def test_what_is_no_manifest_is_refused(bundle_folder: Path, text: bytes, refusal: Refusal) -> None:
    (bundle_folder / "manifest.json").write_bytes(text)
    assert refusal(bundle_folder).file == "manifest.json"


def test_a_newer_format_asks_for_an_upgrade(bundle_folder: Path, reseal: Reseal, refusal: Refusal) -> None:
    reseal(bundle_folder, lambda m: m.update(format_version=2, new_key="what version 2 adds"))
    assert "upgrade recstream" in str(refusal(bundle_folder))
