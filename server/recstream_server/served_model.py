"""A model that the server holds: its engine, how it is searched, and how its answers are packed."""

from collections.abc import Collection

import numpy as np

from recstream._core import Answer, Engine
from recstream.bundle import AlsFoldIn, Bundle, Manifest, Neighbours
from recstream.errors import NotFoundError, StateVersionError
from recstream.v1 import model_service_pb2 as model_pb
from recstream.v1 import types_pb2 as types
from recstream_server.item_attributes import ItemAttributes
from recstream_server.item_filters import ItemFilters
from recstream_server.packing import AnswerPacker
from recstream_server.queries import RecommendQuery, SimilarQuery
from recstream_server.retrieval import Found, Retrieval
from recstream_server.user_encoding import UserEncoding


class ServedModel:
    """Answers queries. Safe to use from many threads.

    Parameters
    ----------
    bundle : Bundle
    engine : Engine
        Made from the bundle.
    retrieval : Retrieval
        Over the engine.
    filters : ItemFilters
        Over the bundle's items.
    max_history : int
        As the engine was given.
    encoding : UserEncoding, optional
        For an engine whose encoder is outside of the core.

    Attributes
    ----------
    engine : Engine
    filters : ItemFilters
    attributes : ItemAttributes
    name : str
    description : recstream.v1.Model
    packer : AnswerPacker
    query_multiply_adds : int
        What the longest query takes: a scan, and the fold-in of a user with the longest history; with neighbours, the
        sums over their rows.
    """

    def __init__(
        self,
        bundle: Bundle,
        engine: Engine,
        retrieval: Retrieval,
        filters: ItemFilters,
        *,
        max_history: int,
        encoding: UserEncoding | None = None,
    ) -> None:
        manifest = bundle.manifest
        version = types.ModelVersion(name=manifest.name, version=manifest.version)
        self.engine = engine
        self.filters = filters
        self.name = manifest.name
        self.description = _describe(manifest, version, retrieval.name)
        self.attributes = ItemAttributes(bundle.items)
        self.packer = AnswerPacker(version, self.attributes)
        folds_in = isinstance(bundle.encoder, AlsFoldIn)
        pooling = max_history * manifest.dimension * (manifest.dimension if folds_in else 1)
        if bundle.neighbours is not None:
            pooling = _most_entries(bundle.neighbours, max_history)
        self.query_multiply_adds = manifest.item_count * max(manifest.dimension, 1) + pooling
        self._retrieval = retrieval
        self._encoding = encoding

    def recommend(self, query: RecommendQuery) -> Found:
        """Answer a query, unless it insists on events that are not here yet.

        Raises
        ------
        StateVersionError
        NotEncodedError
            The user's vector has yet to be made, which may take milliseconds: call `encode_and_recommend`.
        """
        reached = self.engine.state_version
        if query.min_state_version > reached:
            raise StateVersionError(
                f"min_state_version: is {query.min_state_version}, this server has reached {reached}; "
                "ask the server that acknowledged the event, or leave the field out"
            )
        return self._retrieval.recommend(query, self.filters.compile(query.item_filter))

    def encode_and_recommend(self, query: RecommendQuery) -> Found:
        """Make the vector that `recommend` misses, and answer; also raises as `UserEncoding.answer` does."""
        return self.recommend(query) if self._encoding is None else self._encoding.answer(query, self.recommend)

    def encode_changed(self, pairs: Collection[tuple[str, str]]) -> None:
        """Make the vectors of users (user_id, session_id) whose state has changed, if the engine cannot itself."""
        if self._encoding is not None:
            self._encoding.encode_changed(pairs)

    def similar(self, query: SimilarQuery) -> Answer:
        """Find the neighbours of an item."""
        allow = self.filters.compile(query.item_filter)
        try:
            return self.engine.similar(query.item_id, query.k, allow=allow)
        except KeyError:
            raise NotFoundError(
                "item_id: this model has no such item; it was not in the training data", reason="ITEM_NOT_FOUND"
            ) from None


def _most_entries(neighbours: Neighbours, max_history: int) -> int:
    """Entries of as many rows, at most: those of the longest ones, whichever items or users they belong to."""
    lengths = np.sort(np.diff(neighbours.indptr))
    return int(lengths[-max_history:].sum())


def _describe(manifest: Manifest, version: types.ModelVersion, retrieval: str) -> model_pb.Model:
    description = model_pb.Model(
        version=version,
        family=manifest.family,
        retrieval=retrieval,
        item_count=manifest.item_count,
        user_count=manifest.user_count,
        dimension=manifest.dimension,
        metrics=manifest.metrics,
    )
    description.create_time.FromDatetime(manifest.created_at)
    return description
