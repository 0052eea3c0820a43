"""`manifest.json`: what a bundle is, and the size and SHA-256 of every other file in it."""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from recstream.bundle.strict_json import JsonObject, JsonValue, canonical, parse_object
from recstream.errors import BundleError
from recstream.event_log_format import LogPlace

FILE: Final = "manifest.json"
FORMAT: Final = "recstream-bundle"
FORMAT_VERSION: Final = 1
MAX_DIMENSION: Final = 2048
# History rows are int32.
MAX_COUNT: Final = 2**31 - 1

ITEMS_FILE: Final = "items.arrow"
ENCODER_FILE: Final = "encoder.json"
MODEL_FILES: Final = (
    "encoder.json",
    "history.indptr.npy",
    "history.rows.npy",
    "history.weights.npy",
    "item_ids.offsets.npy",
    "item_ids.utf8.npy",
    "item_popularity.npy",
    "item_vectors.npy",
    "items.arrow",
    "user_ids.offsets.npy",
    "user_ids.utf8.npy",
    "user_vectors.npy",
)
"""The files of a model with vectors."""
VECTOR_FILES: Final = ("item_vectors.npy", "user_vectors.npy")
NEIGHBOUR_FILES: Final = ("neighbours.indptr.npy", "neighbours.rows.npy", "neighbours.weights.npy")
"""What a model with neighbours has in place of `VECTOR_FILES`."""

RETRIEVAL_KINDS: Final = ("dense", "neighbours")

ONNX_FILE: Final = "encoder.onnx"
TIMES_FILE: Final = "history.times.npy"
OPTIONAL_FILES: Final = (ONNX_FILE, TIMES_FILE)
"""Files of the model that a bundle may have; others that the manifest names are checksummed and then left alone."""

MAX_FURTHER_FILES: Final = 64
MAX_FURTHER_BYTES: Final = 64 << 20

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")
_LOG_ID: Final = re.compile(r"[0-9a-f]{32}")
_KEYS: Final = frozenset(
    (
        "format",
        "format_version",
        "name",
        "version",
        "family",
        "retrieval",
        "created_at",
        "item_count",
        "user_count",
        "dimension",
        "metrics",
        "training",
        "data",
        "files",
        "manifest_sha256",
    )
)
_UNSEALED: Final = "0" * 64


@dataclass(frozen=True)
class FileEntry:
    """What the manifest says of a file."""

    bytes: int
    sha256: str

    def to_json(self) -> JsonObject:
        """The entry as the manifest holds it."""
        return {"bytes": self.bytes, "sha256": self.sha256}


@dataclass(frozen=True)
class TrainingRecord:
    """How the model was trained, for people and for reports."""

    seed: int
    protocol: str | None
    config: JsonObject


@dataclass(frozen=True)
class DataRecord:
    """What the model was trained on."""

    name: str
    interactions: int
    fingerprint: str
    """SHA-256 of the cleaned interactions."""
    log: LogPlace | None = None
    """Where the event log ended that they came from; None when they came from elsewhere."""


@dataclass(frozen=True)
class Manifest:
    """The content of `manifest.json`, checked."""

    name: str
    version: str
    """The first 12 hexadecimal digits of the SHA-256 over the entries of the model's files."""
    family: str
    retrieval: str
    created_at: datetime
    """UTC, whole seconds."""
    item_count: int
    user_count: int
    dimension: int
    metrics: Mapping[str, float]
    training: TrainingRecord
    data: DataRecord
    files: Mapping[str, FileEntry]


def version_of(files: Mapping[str, FileEntry]) -> str:
    """The version that a bundle with these files has; files beside the model's own have no influence."""
    entries = {
        name: files[name].to_json() for name in (*MODEL_FILES, *NEIGHBOUR_FILES, *OPTIONAL_FILES) if name in files
    }
    return hashlib.sha256(canonical(entries)).hexdigest()[:12]


def manifest_to_bytes(manifest: Manifest) -> bytes:
    """The content of `manifest.json`, sealed with its own checksum."""
    value: JsonObject = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "name": manifest.name,
        "version": manifest.version,
        "family": manifest.family,
        "retrieval": manifest.retrieval,
        "created_at": manifest.created_at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "item_count": manifest.item_count,
        "user_count": manifest.user_count,
        "dimension": manifest.dimension,
        "metrics": dict(manifest.metrics),
        "training": dict(vars(manifest.training)),
        "data": _data_to_json(manifest.data),
        "files": {name: entry.to_json() for name, entry in sorted(manifest.files.items())},
    }
    return seal(value)


def seal(value: JsonObject) -> bytes:
    """Write a manifest's JSON with `manifest_sha256` added as its last key."""
    text = json.dumps({**value, "manifest_sha256": _UNSEALED}, indent=2, ensure_ascii=False).encode() + b"\n"
    return _replace_seal(text, hashlib.sha256(text).hexdigest())


def _replace_seal(text: bytes, digest: str) -> bytes:
    head, _, tail = text.rpartition(_UNSEALED.encode())
    return head + digest.encode() + tail


def manifest_from_bytes(text: bytes, *, verify: bool = True) -> Manifest:
    """Read and check a manifest.

    Parameters
    ----------
    text : bytes
        The file as it is.
    verify : bool
        Whether to check the manifest's own checksum.

    Raises
    ------
    BundleError
        Another format, a newer version, a wrong checksum, or a value out of its range; names the key.
    """
    value = parse_object(FILE, text)
    if value.get("format") != FORMAT:
        raise BundleError(FILE, f'"format" must be "{FORMAT}"; this folder is not a bundle of recstream')
    version = _integer(value, "format_version", least=1, most=MAX_COUNT)
    if version > FORMAT_VERSION:
        raise BundleError(
            FILE, f"has format version {version}, this recstream reads up to {FORMAT_VERSION}; upgrade recstream"
        )
    _check_keys("the manifest", value, _KEYS)
    if verify:
        _check_seal(text, _text(value, "manifest_sha256", _SHA256))
    retrieval = _retrieval(value)
    files = _files(_object(value, "files"), retrieval)
    manifest = Manifest(
        name=_text(value, "name", _NAME),
        version=_text(value, "version"),
        family=_text(value, "family", _NAME),
        retrieval=retrieval,
        created_at=_time(value, "created_at"),
        item_count=_integer(value, "item_count", least=1, most=MAX_COUNT),
        user_count=_integer(value, "user_count", least=0, most=MAX_COUNT),
        dimension=_dimension(value, retrieval),
        metrics=_metrics(_object(value, "metrics")),
        training=_training(_object(value, "training")),
        data=_data(_object(value, "data")),
        files=files,
    )
    if manifest.version != version_of(files):
        raise BundleError(FILE, f'"version" must be {version_of(files)}, which follows from its files')
    return manifest


def _check_seal(text: bytes, digest: str) -> None:
    if text.count(digest.encode()) == 1:
        unsealed = text.replace(digest.encode(), _UNSEALED.encode())
        if hashlib.sha256(unsealed).hexdigest() == digest:
            return
    raise BundleError(FILE, 'has been altered: its SHA-256 is not "manifest_sha256"; copy the bundle again')


def _retrieval(value: JsonObject) -> str:
    retrieval = _text(value, "retrieval")
    if retrieval not in RETRIEVAL_KINDS:
        known = " and ".join(f'"{kind}"' for kind in RETRIEVAL_KINDS)
        raise BundleError(FILE, f'"retrieval" is {retrieval[:64]!a}; this version knows {known}')
    return retrieval


def _dimension(value: JsonObject, retrieval: str) -> int:
    if retrieval == "dense":
        return _integer(value, "dimension", least=1, most=MAX_DIMENSION)
    return _integer(value, "dimension", least=0, most=0)


def _files(value: JsonObject, retrieval: str) -> dict[str, FileEntry]:
    files = {}
    for name, entry in value.items():
        if not _NAME.fullmatch(name) or name == FILE:
            raise BundleError(FILE, f'"files" names {name[:100]!a}; must match {_NAME.pattern}, without folders')
        if not isinstance(entry, Mapping):
            raise BundleError(FILE, f'"files": the entry of {name} must be an object')
        _check_keys(f'"files": the entry of {name}', entry, {"bytes", "sha256"})
        size = _integer(entry, "bytes", least=0, most=2**63 - 1, where=f' of "files", {name}')
        files[name] = FileEntry(size, _text(entry, "sha256", _SHA256, where=f' of "files", {name}'))
    wanted, foreign = set(MODEL_FILES), set(NEIGHBOUR_FILES)
    if retrieval == "neighbours":
        wanted, foreign = wanted - set(VECTOR_FILES) | set(NEIGHBOUR_FILES), set(VECTOR_FILES)
    if missing := sorted(wanted - files.keys()):
        raise BundleError(FILE, f'"files" does not name {", ".join(missing)}')
    if surplus := sorted(foreign & files.keys()):
        raise BundleError(FILE, f'"files" names {", ".join(surplus)}, which "retrieval" {retrieval} has no use for')
    _check_further([entry.bytes for name, entry in files.items() if name not in (*wanted, *OPTIONAL_FILES)])
    return files


def _check_further(sizes: list[int]) -> None:
    if len(sizes) > MAX_FURTHER_FILES or sum(sizes) > MAX_FURTHER_BYTES:
        raise BundleError(
            FILE,
            f'"files" names {len(sizes)} files of {sum(sizes)} bytes beside the model\'s; at most {MAX_FURTHER_FILES} '
            f"of {MAX_FURTHER_BYTES} bytes together may be kept with it",
        )


def _training(value: JsonObject) -> TrainingRecord:
    _check_keys('"training"', value, {"seed", "protocol", "config"})
    protocol = None if value["protocol"] is None else _text(value, "protocol")
    seed = _integer(value, "seed", least=-(2**63), most=2**64 - 1)
    return TrainingRecord(seed, protocol, _object(value, "config"))


def _data_to_json(data: DataRecord) -> JsonObject:
    log = {} if data.log is None else {"log": data.log._asdict()}
    return {"name": data.name, "interactions": data.interactions, "fingerprint": data.fingerprint, **log}


def _data(value: JsonObject) -> DataRecord:
    _check_keys('"data"', value, {"name", "interactions", "fingerprint"} | ({"log"} & value.keys()))
    interactions = _integer(value, "interactions", least=0, most=2**63 - 1)
    log = None if "log" not in value else _log_place(_object(value, "log"))
    return DataRecord(_text(value, "name"), interactions, _text(value, "fingerprint", _SHA256), log)


def _log_place(value: JsonObject) -> LogPlace:
    _check_keys('"log"', value, {"log_id", "version"})
    return LogPlace(_text(value, "log_id", _LOG_ID), _integer(value, "version", least=0, most=2**63 - 1))


def _metrics(value: JsonObject) -> dict[str, float]:
    metrics = {}
    for name, number in value.items():
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise BundleError(FILE, f'"metrics": {name[:64]!a} must be a number')
        try:
            metrics[name] = float(number)
        except OverflowError:
            raise BundleError(FILE, f'"metrics": {name[:64]!a} is outside the range of float64') from None
    return metrics


def _check_keys(what: str, value: JsonObject, keys: set[str] | frozenset[str]) -> None:
    if missing := sorted(keys - value.keys()):
        raise BundleError(FILE, f"{what} lacks {', '.join(missing)}")
    if unknown := sorted(value.keys() - keys):
        raise BundleError(FILE, f"{what} has the unknown key {unknown[0][:64]!a}; must be {', '.join(sorted(keys))}")


def _object(value: JsonObject, key: str) -> JsonObject:
    inner = value[key]
    if not isinstance(inner, Mapping):
        raise BundleError(FILE, f'"{key}" must be an object')
    return inner


def _text(value: JsonObject, key: str, pattern: re.Pattern[str] | None = None, *, where: str = "") -> str:
    text = value[key]
    if not isinstance(text, str) or (pattern and not pattern.fullmatch(text)):
        raise BundleError(FILE, f'"{key}"{where} must be text{f" like {pattern.pattern}" if pattern else ""}')
    return text


def _integer(value: JsonObject, key: str, *, least: int, most: int, where: str = "") -> int:
    number: JsonValue = value.get(key)
    if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= most:
        raise BundleError(FILE, f'"{key}"{where} must be a whole number from {least} to {most}')
    return number


def _time(value: JsonObject, key: str) -> datetime:
    try:
        return datetime.strptime(_text(value, key), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise BundleError(FILE, f'"{key}" must be a UTC time like 2026-11-22T12:00:00Z') from None
