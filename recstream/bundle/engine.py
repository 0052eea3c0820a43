"""From a bundle to the native engine that serves it."""

import numpy as np

from recstream._core import Engine, IdTable, UserEncoder
from recstream.bundle.encoder import AlsFoldIn, DecayedPooling, OnnxEncoder
from recstream.bundle.ids import Ids
from recstream.bundle.reader import Bundle


def build_engine(bundle: Bundle, *, max_history: int = 1000, max_sessions: int = 1_000_000, threads: int = 0) -> Engine:
    """Make the engine that answers from a bundle.

    The engine borrows the bundle's mapped arrays and keeps them alive.

    Parameters
    ----------
    bundle : Bundle
    max_history, max_sessions, threads : int
        As in `recstream._core.Engine`.
    """
    history = (bundle.history_indptr, bundle.history_rows, bundle.history_weights)
    return Engine(
        item_ids=_id_table(bundle.item_ids),
        item_vectors=bundle.item_vectors,
        item_popularity=bundle.item_popularity,
        user_ids=_id_table(bundle.user_ids),
        user_vectors=bundle.user_vectors,
        history=history if bundle.history_times is None else (*history, bundle.history_times),
        encoder=build_encoder(bundle),
        max_history=max_history,
        max_sessions=max_sessions,
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
        return UserEncoder.outside(
            dimension=bundle.manifest.dimension,
            item_count=bundle.manifest.item_count,
            max_length=encoder.max_length,
            hears_aversions="weights" in encoder.inputs,
        )
    return UserEncoder.constant(np.array(encoder.vector, dtype=np.float32))


def _id_table(ids: Ids) -> IdTable:
    return IdTable(ids.utf8, ids.offsets)
