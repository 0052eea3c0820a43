"""Requests of every RPC, valid and not, the same for the same seed."""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

from google.protobuf.message import Message

from recstream.v1 import model_service_pb2 as model_pb
from recstream.v1 import recommendation_service_pb2 as rec_pb
from recstream.v1 import types_pb2 as types
from recstream.v1 import user_event_service_pb2 as event_pb

IDS = ("", "é" * 64, "é" * 65, "x" * 128, "x" * 129, "\0", "日本", " ")
"""Around the limit of 128 bytes, and unusual."""
EVENT_TYPES = ("click", "like", "hide", "rating", "impression", "view", "", "clik", "x" * 200, "é")
NUMBERS = (0.0, -0.0, 1.0, 2.5, 3.0, 4.5, -1e308, float("nan"), float("inf"), float("-inf"))
SIZES = (0, 0, 1, 5, 10, 999, 1000, 1001, 2**31 - 1, -1, -(2**31))
VERSIONS = (0, 0, 0, 1, 5, 2**40, 2**63 - 1, -1, -(2**63))
TIMES = ((0, 0), (1_700_000_000, 999_999_999), (253_402_300_799, 1), (253_402_300_800, 0), (-1, 5), (-(2**63), 0))
INTERVALS = (
    (0, 0),
    (0, 5_000_000),
    (3600, 0),
    (3600, 1),
    (3601, 0),
    (0, 10**9),
    (0, -1),
    (-1, 0),
    (2**63 - 1, 999_999_999),
)
NANOS = (10**9, -1, 2**31 - 1)

ODDITIES = (b"\xa0\x06\x01", b"\x98\x00\x05", b"\x0a\x80\x00")
"""Fields that nobody knows, or whose number or length is written longer than it has to be."""

Call = tuple[str, list[bytes]]
"""The path of an RPC, and the messages to send."""


class Requests:
    """Makes requests.

    Parameters
    ----------
    seed : int
        Of all draws.
    """

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self._number = 0

    def calls(self, count: int) -> Iterator[Call]:
        """Calls with at least `count` messages in all."""
        kinds = [self._unary] * 12
        kinds += [self._event_stream, self._mixed_stream, self._batch_of_queries, self._batch_of_events, self._watch]
        while count > 0:
            path, messages = self.random.choice(kinds)()
            count -= len(messages)
            yield path, messages

    def _unary(self) -> Call:
        maker: Callable[[], Message]
        path, maker = self.random.choice(
            [
                ("RecommendationService/RecommendItems", self.query),
                ("RecommendationService/RankItems", self.rank),
                ("RecommendationService/FindSimilarItems", self.similar),
                ("UserEventService/WriteUserEvent", self.write),
                ("UserEventService/WriteUserEvent", self.write),
                ("UserEventService/ListUserEvents", self.events),
                ("ModelService/GetModel", lambda: model_pb.GetModelRequest(name=self.pick("synthetic-als", *IDS))),
            ]
        )
        message = maker()
        return path, [self.bytes_to_store(message) if maker == self.write else self.bytes_of(message)]

    def _event_stream(self) -> Call:
        messages = [
            event_pb.StreamingWriteUserEventsRequest(
                sequence=self.pick(number, -number), event=self.event() if self.chance(0.97) else None
            )
            for number in range(self.random.randrange(1, 40))
        ]
        return "UserEventService/StreamingWriteUserEvents", self.stream_of(messages)

    def _mixed_stream(self) -> Call:
        messages = []
        for number in range(self.random.randrange(1, 40)):
            message = rec_pb.StreamingRecommendRequest(sequence=number)
            if self.chance(0.5):
                message.event.CopyFrom(self.event())
            elif self.chance(0.97):
                message.recommend.CopyFrom(self.query())
                # How far the whole server has come depends on the moment: events of others later on the stream count.
                message.recommend.ClearField("min_state_version")
            messages.append(message)
        return "RecommendationService/StreamingRecommend", self.stream_of(messages)

    def _watch(self) -> Call:
        watch = rec_pb.WatchRecommendationsRequest(recommend=self.query() if self.chance(0.97) else None)
        if self.chance(0.5):
            watch.min_interval.seconds, watch.min_interval.nanos = self.pick(*INTERVALS)
        return "RecommendationService/WatchRecommendations", [self.bytes_of(watch)]

    def _batch_of_queries(self) -> Call:
        batch = rec_pb.BatchRecommendItemsRequest(requests=[self.query() for _ in range(self._batch_size())])
        return "RecommendationService/BatchRecommendItems", [self.bytes_of(batch)]

    def _batch_of_events(self) -> Call:
        batch = event_pb.BatchWriteUserEventsRequest(requests=[self.write() for _ in range(self._batch_size())])
        return "UserEventService/BatchWriteUserEvents", [self.bytes_to_store(batch)]

    def _batch_size(self) -> int:
        return 1001 if self.chance(0.003) else self.random.randrange(12)

    def query(self) -> rec_pb.RecommendItemsRequest:
        """A query for recommendations."""
        query = rec_pb.RecommendItemsRequest(user_id=self.user(), page_size=self.pick(0, 5, 20))
        if self.chance(0.5):
            return query
        query.session_id = self.session()
        query.page_size = self.pick(*SIZES)
        query.candidate_item_ids.extend(self.items() if self.chance(0.2) else ())
        query.exclude_item_ids.extend(self.items() if self.chance(0.2) else ())
        query.seen_policy = self.pick(0, 0, 1, 2, 3, -1)  # type: ignore[assignment]
        query.include_attributes = self.chance(0.3)
        query.min_state_version = self.pick(*VERSIONS)
        if self.chance(0.3):
            query.filter.CopyFrom(self.filter())
        if self.chance(0.3):
            query.recent_events.extend(self.recent_events())
        return query

    def rank(self) -> rec_pb.RankItemsRequest:
        """A query that orders given items."""
        return rec_pb.RankItemsRequest(
            user_id=self.user(),
            session_id=self.session(),
            item_ids=self.items(),
            seen_policy=self.pick(0, 1, 2, 9),  # type: ignore[arg-type]
            include_attributes=self.chance(0.2),
            min_state_version=self.pick(*VERSIONS),
            filter=self.filter() if self.chance(0.3) else None,
            recent_events=self.recent_events() if self.chance(0.2) else (),
        )

    def similar(self) -> rec_pb.FindSimilarItemsRequest:
        """A query for neighbours."""
        return rec_pb.FindSimilarItemsRequest(
            item_id=self.item(),
            page_size=self.pick(*SIZES),
            include_attributes=self.chance(0.2),
            filter=self.filter() if self.chance(0.3) else None,
        )

    def events(self) -> event_pb.ListUserEventsRequest:
        """A query for stored events."""
        return event_pb.ListUserEventsRequest(
            user_id=self.user(), page_size=self.pick(*SIZES), page_token=self.pick("", "", "AAAA", "é")
        )

    def write(self) -> event_pb.WriteUserEventRequest:
        """A request to store an event, or nothing."""
        return event_pb.WriteUserEventRequest(event=self.event() if self.chance(0.97) else None)

    def event(self) -> types.UserEvent:
        """An event with an id, often used before; mostly valid."""
        self._number += 1
        number = self._number - self.random.randrange(1, 50) if self.chance(0.1) else self._number
        event = types.UserEvent(
            event_id=f"event-{number}", user_id=self.user(), item_id=self.item(), event_type="click"
        )
        # Never without an id and a time: those that a server gives are another server's not.
        event.event_time.seconds = 1_700_000_000 + number
        if self.chance(0.6):
            return event
        event.event_id = self.pick(event.event_id, *IDS[1:]) if self.chance(0.2) else event.event_id
        event.session_id = self.session()
        event.event_type = self.pick(*EVENT_TYPES)
        if self.chance(0.5):
            event.value = self.pick(*NUMBERS)
        if self.chance(0.3):
            event.event_time.seconds, event.event_time.nanos = self.pick(*TIMES)
            if self.chance(0.2):
                event.event_time.nanos = self.pick(*NANOS)
        event.attribution_token = self.pick("", "", "token", "x" * 256, "x" * 257)
        if self.chance(0.1):
            event.attributes["position"].number_value = self.pick(*NUMBERS)
        return event

    def recent_events(self, *, valid: bool = False) -> list[types.UserEvent]:
        """Events for a query; unless they have to be valid, at times with one that is not."""
        events = [
            types.UserEvent(
                user_id=self.pick("", "x" * 500),
                item_id=f"item-{self.random.randrange(220)}",
                event_type=self.pick("click", "like", "hide", "rating", "impression"),
                value=self.pick(None, None, 0.0, 2.5, 3.0, -1e308),
            )
            for _ in range(self.random.randrange(5))
        ]
        for event in events:
            if self.chance(0.7):
                event.event_time.seconds = self.pick(0, 1_700_000_000, 253_402_300_799)
        if not valid and self.chance(0.3):
            events.insert(0, self.event())
        return events

    def filter(self, *, valid: bool = False) -> types.Filter:
        """A filter; unless it has to be valid, at times one that the model is not fit for, or nobody."""
        parts = {
            part: [self._condition() for _ in range(self.pick(0, 0, 1, 2))] for part in ("all_of", "any_of", "none_of")
        }
        if not valid and self.chance(0.2):
            parts[self.pick(*parts)] += self._odd_conditions()
        return types.Filter(**parts)

    def _condition(self) -> types.Condition:
        """One that suits the model."""
        lower, upper = self.pick({}, {"greater_or_equal": 1949.0}, {"greater": 1910.5}), {"less": 1990.0}
        upper = self.pick(upper, upper if not lower else {}, {"less_or_equal": 1949.0})
        titles = [f"Title {self.random.randrange(200)}" for _ in range(self.random.randrange(1, 9))]
        equals = self.pick(
            ("title", {"strings": [*titles, *titles[:2], *IDS]}),
            ("genres", {"strings": self.pick(["Genre 1", "Genre 4"], ["Drama"], ["Genre 2", ""], ["\0", "genre 1"])}),
            ("year", {"numbers": self.pick([1900.0, 1950.0], [1999.0, -0.0, 0.0], [float("inf"), 5e-324])}),
            ("in_stock", {"bools": self.pick([True], [False], [True, False, True])}),
        )
        return self.pick(
            types.Condition(attribute=equals[0], equals_any=types.AttributeValues(**equals[1])),
            types.Condition(attribute="year", range=types.NumberRange(**lower, **upper)),
            types.Condition(attribute=self.pick("title", "year", "in_stock", "genres"), exists=self.chance(0.7)),
        )

    def _odd_conditions(self) -> list[types.Condition]:
        """One that suits no item, attribute or model, or more conditions than a filter may have."""
        values = self.pick(
            types.AttributeValues(),
            types.AttributeValues(numbers=[self.pick(*NUMBERS)]),
            types.AttributeValues(strings=["Drama"], bools=[True]),
            types.AttributeValues(strings=["Drama"] * self.pick(1000, 1001)),
        )
        ends = {end: self.pick(*NUMBERS) for end in ("greater_or_equal", "greater", "less_or_equal", "less")}
        some = {end: ends[end] for end in self.random.sample(sorted(ends), self.random.randrange(3))}
        attribute = self.pick("title", "year", "in_stock", "genres", "colour", *IDS)
        return self.pick(
            [types.Condition(attribute=attribute, exists=self.chance(0.5))],
            [types.Condition(attribute=attribute)],
            [types.Condition(attribute=attribute, equals_any=values)],
            [types.Condition(attribute=self.pick("year", "year", attribute), range=types.NumberRange(**some))],
            [types.Condition(attribute="year", exists=True)] * self.pick(62, 65),
        )

    def user(self) -> str:
        """A user, mostly one that the model knows."""
        return self.pick(*IDS) if self.chance(0.08) else f"user-{self.random.randrange(30)}"

    def session(self) -> str:
        """A session, or mostly none."""
        return self.pick("", "", "", "s-1", "s-2", *IDS)

    def item(self) -> str:
        """An item, mostly one that the model knows."""
        return self.pick(*IDS) if self.chance(0.05) else f"item-{self.random.randrange(220)}"

    def items(self) -> list[str]:
        """Some items, and very rarely too many."""
        if self.chance(0.005):
            return ["item-1"] * 10_001
        return [self.item() for _ in range(self.random.randrange(30))]

    def bytes_of(self, message: Message) -> bytes:
        """The message, seldom with bytes changed, lost or doubled."""
        data = bytearray(message.SerializeToString())
        if self.chance(0.06):
            place = self.random.randrange(len(data) + 1)
            match self.random.randrange(4):
                case 0:
                    data[place : place + 1] = bytes([self.random.randrange(256)])
                case 1:
                    del data[place : place + self.random.randrange(1, 6)]
                case 2:
                    data[place:place] = data[: self.random.randrange(12)]
                case 3:
                    data += self.pick(*ODDITIES)
        return bytes(data)

    def bytes_to_store(self, message: Message) -> bytes:
        """The same for messages with events, which keep their ids and times, or are no longer a message at all."""
        data = message.SerializeToString()
        if self.chance(0.94):
            return data
        return bytes(
            self.pick(data + self.pick(*ODDITIES), data + data, data[:-1], data.replace(b"user-", b"\xff\xfeer-"))
        )

    def stream_of(self, messages: list[Any]) -> list[bytes]:
        """A stream, of which seldom one message is damaged: that ends it, so only the last."""
        sent = [message.SerializeToString() for message in messages[:-1]]
        return [*sent, self.bytes_to_store(messages[-1])]

    def pick(self, *choices: Any) -> Any:
        """One of these."""
        return self.random.choice(choices)

    def chance(self, probability: float) -> bool:
        """True so often."""
        return self.random.random() < probability
