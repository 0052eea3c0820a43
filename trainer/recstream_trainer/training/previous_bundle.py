"""A bundle that another training begins from: `recstream train --init-from`."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from recstream.bundle import Bundle, Ids, load_bundle
from recstream.bundle.folder import BundleFolder
from recstream.bundle.manifest import MAX_FURTHER_BYTES
from recstream.errors import ConfigurationError, DataError
from recstream_trainer.array_file import DamagedArrayFileError, read_arrays, write_arrays
from recstream_trainer.evaluation import Split
from recstream_trainer.models import Family, Learned, Predecessor

WEIGHTS_FILE: Final = "weights.npz"


@dataclass(frozen=True, eq=False)
class PreviousBundle:
    """A bundle to begin from.

    Attributes
    ----------
    bundle : Bundle
    learned : Learned
        What its `WEIGHTS_FILE` holds; nothing where the family needs vectors only.
    shared_ids : bool
        Equal ids mean the same user or item, there and in the new data.
    """

    bundle: Bundle
    learned: Learned
    shared_ids: bool

    @property
    def identity(self) -> list[Any]:
        """What two runs have in common that began from the same; JSON-ready."""
        return [self.bundle.manifest.version, self.shared_ids]

    def seen_from(self, parts: Split) -> Predecessor:
        """Its model, by the codes of a split.

        Raises
        ------
        ConfigurationError
            Ids should be shared, and no item is in both.
        """
        items = self._rows(self.bundle.item_ids, parts.item_ids)
        if self.shared_ids and (items < 0).all():
            raise ConfigurationError(
                f"--init-from {self.bundle.path}: knows none of the {len(items):,} items of the data, "
                f"{parts.item_ids[0]!r} for one; train without it, or, with two_tower, give --foreign-ids"
            )
        config = self.bundle.manifest.training.config.get("model")
        return Predecessor(
            item_rows=items,
            user_rows=self._rows(self.bundle.user_ids, parts.user_ids),
            item_vectors=self.bundle.item_vectors,
            user_vectors=self.bundle.user_vectors,
            settings=config if isinstance(config, Mapping) else {},
            weights=self.learned.weights,
            facts=self.learned.facts,
        )

    def _rows(self, ids: Ids, wanted: Sequence[str]) -> NDArray[np.int64]:
        row_of = {text: row for row, text in enumerate(ids.to_list())} if self.shared_ids else {}
        return np.array([row_of.get(text, -1) for text in wanted], dtype=np.int64)

    def told(self, parts: Split) -> str:
        """What of a split it knows, in a line for people."""
        manifest, seen = self.bundle.manifest, self.seen_from(parts)
        items, users = (int((rows >= 0).sum()) for rows in (seen.item_rows, seen.user_rows))
        ids = f"knows {items:,} of {len(parts.item_ids):,} items, {users:,} of {len(parts.user_ids):,} users"
        return f"begins from {manifest.name} {manifest.version}: {ids if self.shared_ids else 'no id in common'}"

    def require_unseen(self, parts: Split) -> None:
        """Make sure that none of the test part is in its histories.

        Raises
        ------
        DataError
        """
        bundle, test = self.bundle, parts.test
        users, items = (
            self._rows(ids, wanted)[codes]
            for ids, wanted, codes in (
                (bundle.user_ids, parts.user_ids, test.users),
                (bundle.item_ids, parts.item_ids, test.items),
            )
        )
        width = bundle.manifest.item_count
        owners = np.repeat(np.arange(bundle.manifest.user_count), np.diff(bundle.history_indptr))
        seen = np.isin(users * width + items, owners * width + bundle.history_rows) & (users >= 0) & (items >= 0)
        if seen.any():
            raise DataError(
                f"--init-from {bundle.path}: its histories hold {seen.sum():,} of the {len(test):,} test interactions, "
                f"so a test would say how well it remembers; begin from a bundle of --protocol {parts.protocol} and "
                "the same --seed, or train without a protocol"
            )


def load_previous(path: Path, family: Family, *, shared_ids: bool) -> PreviousBundle:
    """Read a bundle to begin from.

    Raises
    ------
    ConfigurationError
        It is of another family, or lacks what the family needs; says which and the remedy.
    BundleError
        It is damaged.
    """
    if family.inherits is None:
        raise ConfigurationError(
            f"--init-from: {family.name} always begins anew; docs/training.md says which families go on from a bundle"
        )
    if family.inherits != "content" and not shared_ids:
        raise ConfigurationError(
            f"--foreign-ids: all that {family.name} takes over is what belongs to ids; take two_tower, which knows "
            "items by their text and attributes"
        )
    bundle = load_bundle(path)
    if bundle.manifest.family != family.name:
        raise ConfigurationError(
            f"--init-from {path}: holds a model of the family {bundle.manifest.family}, which --model {family.name} "
            f"cannot go on from; give --model {bundle.manifest.family}, or another bundle"
        )
    learned = Learned({}) if family.inherits == "ids" else _read_learned(bundle)
    return PreviousBundle(bundle, learned, shared_ids)


def _read_learned(bundle: Bundle) -> Learned:
    entry = bundle.manifest.files.get(WEIGHTS_FILE)
    if entry is None:
        raise ConfigurationError(
            f"--init-from {bundle.path}: has no {WEIGHTS_FILE}, so its training cannot go on: it is of an older "
            f"version, or its weights take more than {MAX_FURTHER_BYTES >> 20} MiB; train it again, with fewer items "
            "or a smaller model, or without --init-from"
        )
    with BundleFolder(bundle.path) as folder:
        data = folder.map(WEIGHTS_FILE, size_bytes=entry.bytes)
    try:
        facts, weights = read_arrays(io.BytesIO(data))
    except DamagedArrayFileError:
        raise _damaged(bundle, "cannot be read") from None
    for name, array in weights.items():
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise _damaged(bundle, f"holds other than finite numbers at {name[:100]!r}")
    return Learned(weights, facts)


def _damaged(bundle: Bundle, problem: str) -> ConfigurationError:
    return ConfigurationError(f"--init-from {bundle.path}: {WEIGHTS_FILE} {problem}; train that bundle again")


def weights_files(learned: Learned | None, room_bytes: int) -> dict[str, bytes]:
    """The further file that a bundle gets for ``--init-from``; none if it would take more than this."""
    if learned is None:
        return {}
    file = io.BytesIO()
    write_arrays(file, learned.facts, learned.weights)
    return {WEIGHTS_FILE: file.getvalue()} if file.tell() <= room_bytes else {}
