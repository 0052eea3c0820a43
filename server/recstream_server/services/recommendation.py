"""RecommendationService."""

from collections.abc import AsyncIterator

from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1.recommendation_service_pb2_grpc import RecommendationServiceServicer
from recstream_server.recommender import Recommender
from recstream_server.rpc_context import Context
from recstream_server.services.batch import BatchRecommendItems
from recstream_server.services.streaming import StreamingRecommend
from recstream_server.services.watch import WatchRecommendations
from recstream_server.validation import RecommendationChecks


class RecommendationService(RecommendationServiceServicer):
    """Recommends, ranks and compares items.

    Parameters
    ----------
    recommender : Recommender
    checks : RecommendationChecks
    batch : BatchRecommendItems
    streaming : StreamingRecommend
    watch : WatchRecommendations
    """

    def __init__(
        self,
        recommender: Recommender,
        checks: RecommendationChecks,
        batch: BatchRecommendItems,
        streaming: StreamingRecommend,
        watch: WatchRecommendations,
    ) -> None:
        self._recommender = recommender
        self._checks = checks
        self._batch = batch
        self._streaming = streaming
        self._watch = watch

    async def RecommendItems(
        self, request: rec_pb.RecommendItemsRequest, context: Context
    ) -> rec_pb.RecommendItemsResponse:
        """Recommend items for a user."""
        query = self._checks.recommend(request)
        found = await self._recommender.recommend(query)
        return self._recommender.model.packer.recommended(found, include_attributes=query.include_attributes)

    async def BatchRecommendItems(
        self, request: rec_pb.BatchRecommendItemsRequest, context: Context
    ) -> rec_pb.BatchRecommendItemsResponse:
        """Recommend items for many users."""
        return await self._batch.answer(request)

    async def StreamingRecommend(  # type: ignore[override]
        self, request_iterator: AsyncIterator[rec_pb.StreamingRecommendRequest], context: Context
    ) -> None:
        """Take events and answer queries on one stream."""
        await self._streaming.serve(context)

    async def WatchRecommendations(  # type: ignore[override]
        self, request: rec_pb.WatchRecommendationsRequest, context: Context
    ) -> None:
        """Push a user's list whenever it changes."""
        await self._watch.serve(request, context)

    async def RankItems(self, request: rec_pb.RankItemsRequest, context: Context) -> rec_pb.RankItemsResponse:
        """Order given items for a user."""
        query = self._checks.rank(request)
        found = await self._recommender.recommend(query)
        return self._recommender.model.packer.ranked(found.answer, include_attributes=query.include_attributes)

    async def FindSimilarItems(
        self, request: rec_pb.FindSimilarItemsRequest, context: Context
    ) -> rec_pb.FindSimilarItemsResponse:
        """Find the neighbours of an item."""
        query = self._checks.similar(request)
        answer = await self._recommender.similar(query)
        return self._recommender.model.packer.similar(answer, include_attributes=query.include_attributes)
