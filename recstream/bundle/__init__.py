"""The bundle: how a trained model travels from the trainer to the server. docs/bundle-format.md is its contract."""

from recstream.bundle.encoder import (
    AlsFoldIn,
    Constant,
    DecayedPooling,
    Encoder,
    ItemNeighbours,
    OnnxEncoder,
    UserNeighbours,
)
from recstream.bundle.ids import Ids
from recstream.bundle.manifest import DataRecord, FileEntry, Manifest, TrainingRecord
from recstream.bundle.neighbours import Neighbours
from recstream.bundle.reader import Bundle, load_bundle
from recstream.bundle.writer import BundleContent, check_target, write_bundle

__all__ = [
    "AlsFoldIn",
    "Bundle",
    "BundleContent",
    "Constant",
    "DataRecord",
    "DecayedPooling",
    "Encoder",
    "FileEntry",
    "Ids",
    "ItemNeighbours",
    "Manifest",
    "Neighbours",
    "OnnxEncoder",
    "TrainingRecord",
    "UserNeighbours",
    "check_target",
    "load_bundle",
    "write_bundle",
]
