"""Typed clients of a recstream server, for threads and for asyncio."""

from recstream.client.async_client import AsyncClient, AsyncWatch
from recstream.client.async_streams import AsyncEventStream, AsyncRecommendStream
from recstream.client.channel import DEFAULT_TARGET, ChannelSettings
from recstream.client.filters import equals_any, exists, in_range, item_filter
from recstream.client.pending import Pending
from recstream.client.requests import (
    EventFields,
    QueryFields,
    RecommendFields,
    SimilarFields,
    recommend_request,
    user_event,
)
from recstream.client.streams import EventStream, RecommendStream
from recstream.client.sync_client import Client, Watch
from recstream.client_tls import ClientTls

__all__ = [
    "DEFAULT_TARGET",
    "AsyncClient",
    "AsyncEventStream",
    "AsyncRecommendStream",
    "AsyncWatch",
    "ChannelSettings",
    "Client",
    "ClientTls",
    "EventFields",
    "EventStream",
    "Pending",
    "QueryFields",
    "RecommendFields",
    "RecommendStream",
    "SimilarFields",
    "Watch",
    "equals_any",
    "exists",
    "in_range",
    "item_filter",
    "recommend_request",
    "user_event",
]
