"""From a bundle to the native engine that serves it."""

import numpy as np

from recstream._core import Engine, IdTable, NeighbourScorer, UserEncoder
from recstream.bundle.encoder import AlsFoldIn, Constant, DecayedPooling, OnnxEncoder, UserNeighbours
from recstream.bundle.ids import Ids
from recstream.bundle.reader import Bundle


def build_engine(
    bundle: Bundle,
    *,
    max_history: int = 1000,
    max_sessions: int = 1_000_000,
    kept_list_bytes: int = 67_108_864,
    kept_list_min_items: int = 100_000,
    threads: int = 0,
    trained_version: int = 0,
) -> Engine:
    """Make the engine that answers from a bundle.

    The engine borrows the bundle's mapped arrays and keeps them alive.

    Parameters
    ----------
    bundle : Bundle
    max_history, max_sessions, kept_list_bytes, kept_list_min_items, threads, trained_version : int
        As in `recstream._core.Engine`.
    """
    history = (bundle.history_indptr, bundle.history_rows, bundle.history_weights)
    neighbours = build_neighbours(bundle)
    dense = neighbours is None
    return Engine(
        item_ids=_id_table(bundle.item_ids),
        item_vectors=bundle.item_vectors if dense else None,
        item_popularity=bundle.item_popularity,
        user_ids=_id_table(bundle.user_ids),
        user_vectors=bundle.user_vectors if dense else None,
        history=history if bundle.history_times is None else (*history, bundle.history_times),
        encoder=build_encoder(bundle) if dense else None,
        neighbours=neighbours,
        max_history=max_history,
        max_sessions=max_sessions,
        kept_list_bytes=kept_list_bytes,
        kept_list_min_items=kept_list_min_items,
        threads=threads,
        trained_version=trained_version,
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
    if isinstance(encoder, Constant):
        return UserEncoder.constant(np.array(encoder.vector, dtype=np.float32))
    raise TypeError("a bundle with neighbours has no encoder: see build_neighbours")


def build_neighbours(bundle: Bundle) -> NeighbourScorer | None:
    """Make what scores histories by a bundle's neighbours; None for a bundle with vectors."""
    if bundle.neighbours is None:
        return None
    matrix = bundle.neighbours.indptr, bundle.neighbours.rows, bundle.neighbours.weights
    encoder = bundle.encoder
    if isinstance(encoder, UserNeighbours):
        return NeighbourScorer.users(
            matrix,
            (bundle.history_indptr, bundle.history_rows, bundle.history_weights),
            item_count=bundle.manifest.item_count,
            neighbours=encoder.neighbours,
            shrinkage=encoder.shrinkage,
        )
    return NeighbourScorer.items(matrix)


def _id_table(ids: Ids) -> IdTable:
    return IdTable(ids.utf8, ids.offsets)
