"""From a bundle to the native engine that serves it."""

import numpy as np

from recstream._core import Engine, IdTable, UserEncoder
from recstream.bundle.encoder import AlsFoldIn, DecayedPooling, OnnxEncoder
from recstream.bundle.ids import Ids
from recstream.bundle.reader import Bundle
from recstream.errors import BundleError


def build_engine(
    bundle: Bundle,
    *,
    max_history: int = 1000,
    max_sessions: int = 1_000_000,
    kept_list_bytes: int = 67_108_864,
    kept_list_min_items: int = 20_000,
    threads: int = 0,
) -> Engine:
    """Make the engine that answers from a bundle.

    The engine borrows the bundle's mapped arrays and keeps them alive.

    Parameters
    ----------
    bundle : Bundle
    max_history, max_sessions, kept_list_bytes, kept_list_min_items, threads : int
        As in `recstream._core.Engine`.
    """
    return Engine(
        item_ids=_id_table(bundle.item_ids),
        item_vectors=bundle.item_vectors,
        item_popularity=bundle.item_popularity,
        user_ids=_id_table(bundle.user_ids),
        user_vectors=bundle.user_vectors,
        history=(bundle.history_indptr, bundle.history_rows, bundle.history_weights),
        encoder=build_encoder(bundle),
        max_history=max_history,
        max_sessions=max_sessions,
        kept_list_bytes=kept_list_bytes,
        kept_list_min_items=kept_list_min_items,
        threads=threads,
    )


def build_encoder(bundle: Bundle) -> UserEncoder:
    """Make the native form of a bundle's encoder."""
    encoder = bundle.encoder
    if isinstance(encoder, AlsFoldIn):
        return UserEncoder.als_fold_in(
            bundle.item_vectors,
            unobserved_weight=encoder.unobserved_weight,
            regularization=encoder.regularization,
            regularization_exponent=encoder.regularization_exponent,
        )
    if isinstance(encoder, DecayedPooling):
        return UserEncoder.decayed_pooling(bundle.item_vectors, half_life_events=encoder.half_life_events)
    if isinstance(encoder, OnnxEncoder):
        raise BundleError("encoder.json", "is of the kind onnx, which this version cannot serve; upgrade recstream")
    return UserEncoder.constant(np.array(encoder.vector, dtype=np.float32))


def _id_table(ids: Ids) -> IdTable:
    return IdTable(ids.utf8, ids.offsets)
