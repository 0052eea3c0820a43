"""A damaged bundle is refused, and the file at fault is named; a whole one loads."""

import io
import random
import re
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from recstream.bundle import load_bundle
from recstream.bundle.manifest import MODEL_FILES, manifest_from_bytes
from recstream.errors import BundleError

Reseal = Callable[..., None]
FILES = (*MODEL_FILES, "evaluation.json", "manifest.json")
LYING_FILES = tuple(name for name in MODEL_FILES if name != "items.arrow")


def refusal(folder: Path) -> BundleError:
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    return caught.value


def test_a_whole_bundle_loads(pristine: Path) -> None:
    assert load_bundle(pristine).items.height == 20


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_file_is_named(bundle_folder: Path, name: str) -> None:
    data = (bundle_folder / name).read_bytes()
    for length in {0, 1, 9, 64, len(data) // 2, len(data) - 1}:
        if length < len(data):
            (bundle_folder / name).write_bytes(data[:length])
            assert refusal(bundle_folder).file == name


@pytest.mark.parametrize("name", FILES)
def test_a_longer_file_is_named(bundle_folder: Path, name: str) -> None:
    data = (bundle_folder / name).read_bytes()
    for tail in (b"\0", b"\n", data):
        (bundle_folder / name).write_bytes(data + tail)
        assert refusal(bundle_folder).file == name


@pytest.mark.parametrize("name", FILES)
def test_a_changed_byte_is_named(bundle_folder: Path, name: str) -> None:
    data = (bundle_folder / name).read_bytes()
    chance = random.Random(f"flip {name}")
    for _ in range(40):
        changed = bytearray(data)
        changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        (bundle_folder / name).write_bytes(changed)
        assert refusal(bundle_folder).file == name


def test_every_byte_of_the_manifest_counts(pristine: Path) -> None:
    data = (pristine / "manifest.json").read_bytes()
    for offset, byte in enumerate(data):
        changed = bytearray(data)
        # A line break instead of a space, a capital instead of a letter, another digit: the JSON stays valid.
        changed[offset] ^= {0x20: 0x2A}.get(byte, 0x20 if chr(byte).isalpha() else 1)
        with pytest.raises(BundleError, match=r"^manifest\.json: "):
            manifest_from_bytes(bytes(changed))


def test_the_checksum_is_what_finds_a_changed_number(bundle_folder: Path) -> None:
    vectors = bundle_folder / "item_vectors.npy"
    data = bytearray(vectors.read_bytes())
    data[-4] ^= 1
    vectors.write_bytes(data)
    load_bundle(bundle_folder, verify=False)
    assert "SHA-256" in str(refusal(bundle_folder))


@pytest.mark.parametrize("pair", list(combinations(FILES, 2)), ids="-".join)
def test_swapped_files_are_named(bundle_folder: Path, pair: tuple[str, str]) -> None:
    first, second = (bundle_folder / name for name in pair)
    held = first.read_bytes()
    first.write_bytes(second.read_bytes())
    second.write_bytes(held)
    assert refusal(bundle_folder).file in pair


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_named(bundle_folder: Path, name: str) -> None:
    (bundle_folder / name).unlink()
    error = refusal(bundle_folder)
    assert error.file == name
    assert "missing" in str(error)


def mutate(data: bytes, chance: random.Random) -> bytes:
    """Change bits, overwrite a word with an extreme, cut or repeat."""
    changed = bytearray(data)
    kind = chance.randrange(4)
    at = chance.randrange(max(1, len(data) - 8)) // 4 * 4
    if kind == 0:
        for _ in range(chance.randint(1, 4)):
            changed[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    elif kind == 1:
        changed[at : at + 8] = chance.choice([b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\0" * 8, b"\0\0\0\x80" * 2])
    elif kind == 2:
        changed[at : at + 4] = chance.choice([b"\xff" * 4, b"\xff\xff\xff\x7f", b"\0\0\x80\x7f", b"99, "])
    else:
        del changed[at : at + chance.randint(1, 64)]
    return bytes(changed)


def survives_lies(folder: Path, reseal: Reseal, names: tuple[str, ...], seeds: range) -> int:
    """Give mutated files right checksums: they are refused by name, or what they hold obeys the format."""
    refused = 0
    for seed in seeds:
        chance = random.Random(seed)
        name = chance.choice(names)
        data = (folder / name).read_bytes()
        (folder / name).write_bytes(mutate(data, chance))
        reseal(folder)
        try:
            bundle = load_bundle(folder)
            assert bundle.items.height == 20
        except BundleError as error:
            refused += 1
            # Tables of two files disagree when either of them lies.
            if error.file.split(".")[0] != name.split(".")[0]:
                pytest.fail(f"seed {seed}: {name} lies, but {error}")
        else:
            assert np.isfinite(bundle.item_vectors).all()
            assert len(set(bundle.item_ids.to_list())) == 20
        (folder / name).write_bytes(data)
    return refused


def test_lies_under_right_checksums_are_refused_or_harmless(
    bundle_folder: Path, reseal: Reseal, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The attributes are whole here; reading them costs a child process each time.
    monkeypatch.setattr("recstream.bundle.items._try_in_child", lambda _: None)
    assert survives_lies(bundle_folder, reseal, LYING_FILES, range(400)) > 200


def test_lies_in_the_attributes_are_refused_or_harmless(bundle_folder: Path, reseal: Reseal) -> None:
    assert survives_lies(bundle_folder, reseal, ("items.arrow",), range(12)) > 2


@pytest.mark.full
@pytest.mark.timeout(0)
def test_many_lies_under_right_checksums(bundle_folder: Path, reseal: Reseal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("recstream.bundle.items._try_in_child", lambda _: None)
    survives_lies(bundle_folder, reseal, LYING_FILES, range(20_000))


@pytest.mark.full
@pytest.mark.timeout(0)
def test_many_lies_in_the_attributes(bundle_folder: Path, reseal: Reseal) -> None:
    survives_lies(bundle_folder, reseal, ("items.arrow",), range(2000))


def test_an_attribute_file_that_would_abort_the_process_is_refused(bundle_folder: Path, reseal: Reseal) -> None:
    compressed = io.BytesIO()
    load_bundle(bundle_folder).items.write_ipc(compressed, compression="zstd")
    # Before each frame of zstd stands the length that it will have, here 2^62.
    data = re.sub(rb"(?s).{8}(?=\x28\xb5\x2f\xfd)", b"\0" * 7 + b"\x40", compressed.getvalue())
    (bundle_folder / "items.arrow").write_bytes(data)
    reseal(bundle_folder)
    with pytest.raises(BundleError, match=r"^items\.arrow: .*reading it fails"):
        _ = load_bundle(bundle_folder).items
