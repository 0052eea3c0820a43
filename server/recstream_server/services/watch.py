"""RecommendationService.WatchRecommendations: a list, and a new one whenever the user's events change it."""

from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream_server.draining import Draining
from recstream_server.queries import RecommendQuery
from recstream_server.recommender import Recommender
from recstream_server.retrieval import Found
from recstream_server.rpc_context import Context
from recstream_server.telemetry.calls import CallRecord
from recstream_server.validation import RecommendationChecks
from recstream_server.watch_hub import Watcher, WatchHub

_Request = rec_pb.WatchRecommendationsRequest
_Response = rec_pb.WatchRecommendationsResponse


class WatchRecommendations:
    """Pushes the latest list, never an older one.

    A list is pushed when the state version behind it has moved, even where the items are the same: a watcher can tell
    by it that an event has arrived. It is made when it can be sent, so a slow reader skips what lies between.

    Parameters
    ----------
    recommender : Recommender
    checks : RecommendationChecks
    hub : WatchHub
    draining : Draining
    record : CallRecord
    """

    def __init__(
        self,
        recommender: Recommender,
        checks: RecommendationChecks,
        hub: WatchHub,
        draining: Draining,
        record: CallRecord,
    ) -> None:
        self._recommender = recommender
        self._checks = checks
        self._hub = hub
        self._draining = draining
        self._record = record

    async def serve(self, request: _Request, context: Context) -> None:
        """Serve one stream until the client leaves or the server drains."""
        query, interval_s = self._checks.watch(request)
        with self._hub.watching(query.user_id, query.session_id) as watcher, self._draining.on_start(watcher.end):
            found = await self._recommender.recommend(query)
            cause = _Response.CAUSE_INITIAL
            while True:
                packed = self._recommender.model.packer.recommended(found, include_attributes=query.include_attributes)
                await context.write(_Response(recommendation=packed, cause=cause))
                self._record.message("OK")
                await watcher.pause(interval_s)
                found = await self._moved(query, watcher, found.answer.state_version)
                cause = _Response.CAUSE_EVENT

    async def _moved(self, query: RecommendQuery, watcher: Watcher, version: int) -> Found:
        """Wait for an answer of another state version."""
        while True:
            await watcher.changed()
            found = await self._recommender.recommend(query)
            if found.answer.state_version != version:
                return found
