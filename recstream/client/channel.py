"""How a client connects: retries, keepalive, limits."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

DEFAULT_TARGET: Final = "127.0.0.1:50051"

_SERVICES: Final[Mapping[str, Sequence[str]]] = {
    "recstream.v1.RecommendationService": (
        "RecommendItems",
        "BatchRecommendItems",
        "WatchRecommendations",
        "RankItems",
        "FindSimilarItems",
    ),
    # Writing is safe to repeat: the client gives every event an id.
    "recstream.v1.UserEventService": ("WriteUserEvent", "BatchWriteUserEvents", "ListUserEvents"),
    "recstream.v1.ModelService": ("ListModels", "GetModel"),
}
# A stream that carries both events and queries is not repeated: what it has answered is its caller's.


@dataclass(frozen=True, kw_only=True)
class ChannelSettings:
    """How a client connects.

    Attributes
    ----------
    attempts : int
        How often a call is tried in all while the server is unavailable; 1 to 5.
    keepalive_s : float
        An idle connection with calls on it is probed this often. The default is just above the five minutes that gRPC
        servers ask for, and below the 350 s after which common load balancers drop idle connections.
    max_message_bytes : int
        Largest answer to accept.
    options : (name, value) pairs
        Further gRPC channel arguments; they win over the above.
    """

    attempts: int = 4
    keepalive_s: float = 330.0
    max_message_bytes: int = 16 << 20
    options: Sequence[tuple[str, str | int]] = field(default=())

    def channel_options(self) -> list[tuple[str, str | int]]:
        """The settings as channel arguments of gRPC."""
        return [
            ("grpc.service_config", json.dumps(self._service_config())),
            ("grpc.enable_retries", 1),
            ("grpc.keepalive_time_ms", round(self.keepalive_s * 1000)),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.max_receive_message_length", self.max_message_bytes),
            *self.options,
        ]

    def _service_config(self) -> Mapping[str, object]:
        names = [{"service": service, "method": method} for service in _SERVICES for method in _SERVICES[service]]
        policy = {
            "maxAttempts": self.attempts,
            "initialBackoff": "0.1s",
            "maxBackoff": "2s",
            "backoffMultiplier": 2,
            "retryableStatusCodes": ["UNAVAILABLE"],
        }
        return {"methodConfig": [{"name": names, **({"retryPolicy": policy} if self.attempts > 1 else {})}]}
