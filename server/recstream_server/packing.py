"""From the engine's answers and the log's records to responses."""

from typing import Protocol

from recstream._core import Answer
from recstream.attribution import token_head
from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb
from recstream_server.event_attributes import fill_attributes
from recstream_server.event_log import Receipt, StoredEvent
from recstream_server.item_attributes import ItemAttributes
from recstream_server.retrieval import Found


def acknowledgement(receipt: Receipt) -> event_pb.WriteUserEventResponse:
    """The acknowledgement of an event."""
    return event_pb.WriteUserEventResponse(
        event_id=receipt.event_id, state_version=receipt.state_version, duplicate=receipt.duplicate
    )


def stored_event(event: StoredEvent) -> event_pb.StoredUserEvent:
    """An event as ListUserEvents shows it."""
    stored = event_pb.StoredUserEvent(
        event=types.UserEvent(
            event_id=event.event_id,
            user_id=event.user_id,
            session_id=event.session_id,
            item_id=event.item_id,
            event_type=event.event_type,
            value=event.value,
            attribution_token=event.attribution_token,
        ),
        state_version=event.version,
    )
    seconds, microseconds = divmod(event.event_time_us, 1_000_000)
    stored.event.event_time.seconds, stored.event.event_time.nanos = seconds, microseconds * 1000
    fill_attributes(stored.event.attributes, event.attributes)
    return stored


class _Recommendations(Protocol):
    def add(self, *, item_id: str, score: float) -> types.Recommendation: ...


class AnswerPacker:
    """Packs the answers of one model.

    Parameters
    ----------
    version : ModelVersion
    attributes : ItemAttributes
    """

    def __init__(self, version: types.ModelVersion, attributes: ItemAttributes) -> None:
        self._version = version
        self._token_head = token_head(version.name, version.version)
        self._attributes = attributes

    def recommended(self, found: Found, *, include_attributes: bool) -> rec_pb.RecommendItemsResponse:
        """The response to RecommendItems."""
        answer = found.answer
        response = rec_pb.RecommendItemsResponse(
            model=self._version,
            state_version=answer.state_version,
            fallback=answer.fallback,  # type: ignore[arg-type]  # the core's numbers are the enum's
            approximate=found.approximate,
            missing_item_ids=answer.missing_item_ids,
            attribution_token=f"{self._token_head}{answer.state_version}",
        )
        self._fill(response.recommendations, answer, include_attributes=include_attributes)
        return response

    def ranked(self, answer: Answer, *, include_attributes: bool) -> rec_pb.RankItemsResponse:
        """The response to RankItems."""
        response = rec_pb.RankItemsResponse(
            model=self._version,
            state_version=answer.state_version,
            fallback=answer.fallback,  # type: ignore[arg-type]  # as above
            missing_item_ids=answer.missing_item_ids,
            attribution_token=f"{self._token_head}{answer.state_version}",
        )
        self._fill(response.recommendations, answer, include_attributes=include_attributes)
        return response

    def similar(self, answer: Answer, *, include_attributes: bool) -> rec_pb.FindSimilarItemsResponse:
        """The response to FindSimilarItems."""
        response = rec_pb.FindSimilarItemsResponse(model=self._version)
        self._fill(response.recommendations, answer, include_attributes=include_attributes)
        return response

    def _fill(self, recommendations: _Recommendations, answer: Answer, *, include_attributes: bool) -> None:
        if not include_attributes:
            for item_id, score in zip(answer.item_ids, answer.scores, strict=True):
                recommendations.add(item_id=item_id, score=score)
            return
        for row, item_id, score in zip(answer.rows, answer.item_ids, answer.scores, strict=True):
            recommendations.add(item_id=item_id, score=score).MergeFrom(self._attributes.of_row(row))
